"""Finding records again: word analysis, index text, fusion, factors and near copies."""
