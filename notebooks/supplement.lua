-- Tables that notebooks printed as HTML become tables. Columns stand to the left unless they say otherwise, a row of
-- the head without words goes, and a table stays on one page unless it is long; then its columns share the width by
-- the length of their text.
local function parsed(block)
  if block.format == "html" then return pandoc.read(block.text, "html").blocks end
end

local function text(cell) return pandoc.utils.stringify(cell.contents) end

local function set(t)
  t.head.rows = pandoc.List(t.head.rows):filter(function(row)
    return row.cells:find_if(function(cell) return text(cell) ~= "" end)
  end)
  local lengths, total, words = {}, 0, 0
  for _, row in ipairs(t.bodies[1].body) do
    for j, cell in ipairs(row.cells) do
      lengths[j] = (lengths[j] or 0) + #text(cell)
      for _ in text(cell):gmatch("%S+") do words = words + 1 end
    end
  end
  for _, length in pairs(lengths) do total = total + math.sqrt(length) end
  local long = words > 250
  for j, spec in ipairs(t.colspecs) do
    local align = spec[1] == "AlignDefault" and "AlignLeft" or spec[1]
    t.colspecs[j] = { align, long and math.sqrt(lengths[j]) / total or nil }
  end
  local opening = string.format("#tabular(head: %s, long: %s)[", #t.head.rows > 0, long)
  return { pandoc.RawBlock("typst", opening), t, pandoc.RawBlock("typst", "]") }
end

return { { RawBlock = parsed }, { Table = set } }
