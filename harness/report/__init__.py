"""What a run leaves behind: records, journals, pages, comparisons."""
