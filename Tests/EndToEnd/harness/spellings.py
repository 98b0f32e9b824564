"""Header names that some server passes to an application under the same name as `X-Organization`."""

# The characters of a name besides letters and digits (RFC 9110, 5.6.2): a server may turn each into `_`.
SEPARATORS = "-!#$%&'*+.^_`|~"

SPELLINGS = [name.format(each) for each in SEPARATORS for name in ("X{}Organization", "x{}organization", "X{}ORGANIZATION")]
