-- Tables that notebooks printed as HTML become tables. Columns stand to the left unless they say otherwise, a row of
-- the head without words goes, and a table stays on one page unless it is long. A paragraph that ends in a colon, or is
-- a label in bold, stays with what it announces.
local function parsed(block)
  if block.format == "html" then return pandoc.read(block.text, "html").blocks end
end

-- The words of a cell; a citation counts as its number.
local function text(cell)
  local numbered = cell.contents:walk({ RawInline = function(el)
    local _, n = el.text:gsub("#cite", "")
    return pandoc.Str(("[00], "):rep(n))
  end })
  return pandoc.utils.stringify(numbered)
end

-- The colour that a table gives to a sign.
local function coloured(el)
  local colour = (el.attributes.style or ""):match("color: (#%x+)")
  if not colour then return nil end
  local opening = string.format('#text(fill: rgb("%s"))[', colour)
  return { pandoc.RawInline("typst", opening), el, pandoc.RawInline("typst", "]") }
end

local function announced(doc)
  local blocks = pandoc.List()
  for _, block in ipairs(doc.blocks) do
    local label = block.t == "Para" and #block.content == 1 and block.content[1].t == "Strong"
    if label or block.t == "Para" and pandoc.utils.stringify(block):match(":$") then
      blocks:extend({ pandoc.RawBlock("typst", "#block(sticky: true)["), block, pandoc.RawBlock("typst", "]") })
    else
      blocks:insert(block)
    end
  end
  doc.blocks = blocks
  return doc
end

-- A break after each underscore: names of columns and properties may be longer than their column is wide.
local function breakable(t)
  return t:walk({ Str = function(el) return pandoc.Str((el.text:gsub("_", "_\u{200B}"))) end })
end

local function set(t)
  t.head.rows = pandoc.List(t.head.rows):filter(function(row)
    return row.cells:find_if(function(cell) return text(cell) ~= "" end)
  end)
  local lengths, widest, words, rows = {}, {}, 0, #t.bodies[1].body
  for _, row in ipairs(t.bodies[1].body) do
    for j, cell in ipairs(row.cells) do
      lengths[j] = (lengths[j] or 0) + #text(cell)
      for word in text(cell):gmatch("%S+") do
        words, widest[j] = words + 1, math.max(widest[j] or 0, #word)
      end
    end
  end
  -- Only columns of sentences share the width, by their longest word and their length; others are as wide as they are.
  local wide, total = false, 0
  for j, length in pairs(lengths) do
    wide = wide or length / rows > 40
    lengths[j] = (widest[j] or 1) + 3 * math.sqrt(length / rows)
    total = total + lengths[j]
  end
  for j, spec in ipairs(t.colspecs) do
    local align = spec[1] == "AlignDefault" and "AlignLeft" or spec[1]
    t.colspecs[j] = { align, wide and lengths[j] and lengths[j] / total or nil }
  end
  local opening = string.format("#tabular(head: %s, long: %s)[", #t.head.rows > 0, words > 120)
  return { pandoc.RawBlock("typst", opening), breakable(t), pandoc.RawBlock("typst", "]") }
end

return { { RawBlock = parsed }, { Table = set }, { Span = coloured }, { Pandoc = announced } }
