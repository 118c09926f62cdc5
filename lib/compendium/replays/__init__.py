"""Campaigns replayed on finished tables: how soon is one of the best alloys measured?"""
