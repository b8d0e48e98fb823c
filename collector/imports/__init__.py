"""Lists of schools, declared facts and people from spreadsheets: read, compared, written at once.

`tables` reads a file within bounds, `columns` finds what stands where, `cells` reads single cells,
`school_rows` and `people_rows` compare each row with what is stored, `service` keeps the file,
shows what it would do and does it in one transaction. The page and the command line share it.
"""
