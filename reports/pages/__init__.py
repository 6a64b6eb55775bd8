"""What managers read: a report as HTML, as a workbook and as CSV."""
