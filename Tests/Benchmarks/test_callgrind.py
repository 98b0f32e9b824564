"""What is read from callgrind's files."""

from compare.callgrind import Counts, read
from harness import artefacts

LIBRARY = f"/usr/lib/latchkey/{artefacts.LIBRARY.name}"

TEXT = f"""\
ob=(1) {LIBRARY}
fl=(1) ???
fn=(1) check
0 100
cob=(2) /lib/libc.so.6
cfi=(2) ./malloc/./malloc/malloc.c
cfn=(2) malloc
calls=3 0
0 60
0 7

ob=(2)
fl=(2)
fn=(2)
+12 60

ob=(3) /usr/sbin/nginx
fl=(1)
fn=(3) ngx_alloc
cob=(2)
cfi=(2)
cfn=(2)
calls=5 0
* 40
0 11

totals: 178
"""


def test_what_a_called_function_does_counts_once():
    assert read(TEXT).instructions == 178


def test_the_heaps_own_work_is_told_apart():
    assert read(TEXT).outside_heap == 118


def test_only_the_librarys_allocations_count():
    assert read(TEXT).allocations == 3
    assert read("") == Counts(0, 0, 0)
