"""Names of a header that some server hands to an application as it does `X-Organization`."""

# All that a name may hold but letters and digits (RFC 9110, 5.6.2): a server may make `_` of each.
SEPARATORS = "-!#$%&'*+.^_`|~"

SPELLINGS = [name.format(each) for each in SEPARATORS for name in ("X{}Organization", "x{}organization", "X{}ORGANIZATION")]
