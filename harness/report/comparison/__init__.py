"""Several runs side by side: promises by columns, what differs first.

printable  text from clusters, made safe to print                pure
reasons    why something does not hold, in one line              pure
values     columns, rows, cells, and what they amount to         pure
build      the comparison of runs; what got worse                pure
facts      what a column is, and what tells it from the others   pure
sections   what is shown, in which order, and what is cut         pure
lines      the comparison as plain lines                         pure
screen     the comparison as tables of a terminal                pure
markdown   the comparison as a Markdown page                     pure
html       the comparison as one HTML page                       pure
"""
