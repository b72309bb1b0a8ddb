"""Hostile PDF sources that are odd as files: trees, boxes, tables, objects, scripts; each yields (name, bytes)."""

import base64
import gzip
import random
from collections.abc import Iterator

from hostile_bytes import page_pdf, pdf, stream

Cases = Iterator[tuple[str, bytes]]

_CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
_PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"


def page_trees() -> Cases:
    """Counts that lie, trees that are no trees, far too many pages."""
    roots = {
        "zero_pages": b"<< /Type /Pages /Kids [] /Count 0 >>",
        "count_without_kids": b"<< /Type /Pages /Count 5 >>",
        "count_negative": b"<< /Type /Pages /Kids [3 0 R] /Count -1 >>",
        "count_huge": b"<< /Type /Pages /Kids [3 0 R] /Count 2147483647 >>",
        "count_beyond_integers": b"<< /Type /Pages /Kids [3 0 R] /Count 99999999999999999999 >>",
        "kids_itself": b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>",
        "kids_itself_and_a_page": b"<< /Type /Pages /Kids [2 0 R 3 0 R 2 0 R] /Count 3 >>",
        "kids_catalog": b"<< /Type /Pages /Kids [1 0 R] /Count 1 >>",
        "kids_missing_object": b"<< /Type /Pages /Kids [99 0 R] /Count 1 >>",
        "kids_number": b"<< /Type /Pages /Kids 7 /Count 1 >>",
        "kids_null": b"<< /Type /Pages /Kids [null null] /Count 2 >>",
        "kids_repeated": b"<< /Type /Pages /Kids [" + b"3 0 R " * 1500 + b"] /Count 1500 >>",
        "pages_is_a_string": b"(pages)",
        "pages_is_null": b"null",
    }
    for name, root in roots.items():
        yield name, pdf(_CATALOG, root, _PAGE)
    yield "pages_missing", pdf(b"<< /Type /Catalog >>")
    yield "root_missing", pdf(_CATALOG, roots["zero_pages"], trailer=b"")
    yield "root_dangling", pdf(_CATALOG, roots["zero_pages"], trailer=b"/Root 77 0 R")
    yield "root_is_a_page", pdf(_PAGE, trailer=b"/Root 1 0 R")
    for depth in (100, 5000):
        nodes = [b"<< /Type /Pages /Parent %d 0 R /Kids [%d 0 R] /Count 1 >>" % (n + 1, n + 3) for n in range(depth)]
        yield f"nested_{depth}", pdf(_CATALOG, *nodes, _PAGE)
    for count in (2001, 10_000):
        kids = b" ".join(b"%d 0 R" % (number + 3) for number in range(count))
        root = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count)
        yield f"pages_{count}", pdf(_CATALOG, root, *[_PAGE] * count)
    wide = b"<< /Type /Pages /Kids [" + b"4 0 R " * 100 + b"] /Count 10000 >>"
    yield (
        "pages_10000_by_sharing",
        pdf(_CATALOG, wide, _PAGE, b"<< /Type /Pages /Kids [%s] /Count 100 >>" % (b"3 0 R " * 100)),
    )


def page_boxes() -> Cases:
    """Pages larger, smaller and stranger than paper."""
    boxes = {
        "1e9": "[0 0 1000000000 1000000000]", "1e9_wide": "[0 0 1000000000 10]", "1e38": "[0 0 1e38 1e38]",
        "beyond_float": "[0 0 " + "9" * 60 + " " + "9" * 60 + "]", "zero": "[0 0 0 0]", "zero_height": "[0 0 595 0]",
        "negative": "[0 0 -595 -842]", "upside_down": "[595 842 0 0]", "nan": "[0 0 nan nan]", "inf": "[0 0 inf inf]",
        "far_away": "[1e9 1e9 1000000595 1000000842]", "tiny": "[0 0 0.0001 0.0001]", "one_point": "[0 0 1 1]",
        "strip": "[0 0 100000 1]", "three_numbers": "[0 0 595]", "five_numbers": "[0 0 595 842 9]", "empty": "[]",
        "strings": "[(0) (0) (595) (842)]", "names": "[/a /b /c /d]", "number": "595", "null": "null",
        "itself": "3 0 R", "dict": "<< /Width 595 >>", "missing_object": "99 0 R",
    }  # fmt: skip
    for name, box in boxes.items():
        yield name, page_pdf(b"0 0 100 100 re f", box=box.encode())
    for name, entry in {
        "crop_outside": b"/CropBox [9000 9000 9100 9100]",
        "crop_zero": b"/CropBox [10 10 10 10]",
        "crop_nan": b"/CropBox [nan 0 0 nan]",
        "user_unit_1e6": b"/UserUnit 1000000",
        "user_unit_negative": b"/UserUnit -1",
        "rotate_45": b"/Rotate 45",
        "rotate_huge": b"/Rotate 99999999990",
    }.items():
        yield name, page_pdf(b"0 0 100 100 re f", page=entry)


def xrefs() -> Cases:
    """Cross-reference tables that lead nowhere, elsewhere, or in circles."""
    objects = (_CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", _PAGE)
    trailer = b"trailer\n<< /Size 4 /Root 1 0 R %s >>\n"
    table = b"xref\n0 4\n0000000000 65535 f \n0000000015 00000 n \n0000000064 00000 n \n0000000121 00000 n \n"
    for name, tail in {
        "start_0": b"startxref\n0\n%%EOF",
        "start_beyond": b"startxref\n99999999999\n%%EOF",
        "start_negative": b"startxref\n-5\n%%EOF",
        "start_word": b"startxref\nhere\n%%EOF",
        "no_start": b"%%EOF",
        "only_objects": b"",
        "all_at_0": b"xref\n0 4\n" + b"0000000000 00000 n \n" * 4 + trailer % b"" + b"startxref\n@START@\n%%EOF",
        "beyond_the_end": b"xref\n0 4\n" + b"9999999999 00000 n \n" * 4 + trailer % b"" + b"startxref\n@START@\n%%EOF",
        "all_free": b"xref\n0 4\n" + b"0000000000 65535 f \n" * 4 + trailer % b"" + b"startxref\n@START@\n%%EOF",
        "off_by_some": table + trailer % b"" + b"startxref\n@START@\n%%EOF",
        "count_huge": table.replace(b"0 4", b"0 2000000000") + trailer % b"" + b"startxref\n@START@\n%%EOF",
        "first_huge": table.replace(b"0 4", b"2000000000 4") + trailer % b"" + b"startxref\n@START@\n%%EOF",
        "count_negative": table.replace(b"0 4", b"0 -4") + trailer % b"" + b"startxref\n@START@\n%%EOF",
        "prev_itself": table + trailer % b"/Prev @START@" + b"startxref\n@START@\n%%EOF",
        "prev_negative": table + trailer % b"/Prev -1" + b"startxref\n@START@\n%%EOF",
        "prev_beyond": table + trailer % b"/Prev 999999999" + b"startxref\n@START@\n%%EOF",
        "stream_itself": table + trailer % b"/XRefStm @START@" + b"startxref\n@START@\n%%EOF",
        "size_huge": table + (trailer % b"").replace(b"/Size 4", b"/Size 2147483647") + b"startxref\n@START@\n%%EOF",
        "no_trailer": table + b"startxref\n@START@\n%%EOF",
        "trailer_unclosed": table + b"trailer << /Root 1 0 R /Size 4 " + b"startxref\n@START@\n%%EOF",
        "twenty_ends": (b"startxref\n7\n%%EOF\n") * 20,
    }.items():
        yield name, pdf(*objects, tail=tail)
    for name, entries in {
        "widths_huge": b"/W [9999999 9999999 9999999] /Size 4",
        "widths_negative": b"/W [-1 -2 -3] /Size 4",
        "widths_zero": b"/W [0 0 0] /Size 2000000000",
        "index_huge": b"/W [1 2 1] /Size 4 /Index [0 2000000000]",
        "prev_itself_stream": b"/W [1 2 1] /Size 4 /Prev @START@",
    }.items():
        body = (
            b"4 0 obj\n"
            + stream(bytes(16), b"/Type /XRef /Root 1 0 R " + entries)
            + b"\nendobj\nstartxref\n@START@\n%%EOF"
        )
        yield name, pdf(*objects, tail=body)
    yield "object_number_huge", pdf(*objects, tail=b"8388607999 0 obj\n<< >>\nendobj\nstartxref\n0\n%%EOF")


def broken_objects() -> Cases:
    """Lengths that lie, ends that are missing, references to the wrong thing."""
    for name, length in {
        "short": b"1", "long": b"99999", "negative": b"-1", "huge": b"9223372036854775807", "own": b"4 0 R",
        "word": b"/x", "none": b"null",
    }.items():  # fmt: skip
        yield f"length_{name}", page_pdf(stream(b"0 0 100 100 re f", length=length))
    yield "no_endstream", page_pdf(b"q Q").replace(b"endstream", b"")
    yield "no_endobj", page_pdf(b"q Q").replace(b"endobj", b"")
    yield "contents_is_its_page", page_pdf(b"q Q").replace(b"/Contents 4 0 R", b"/Contents 3 0 R")
    yield "contents_many", page_pdf(b"q Q").replace(b"/Contents 4 0 R", b"/Contents [" + b"4 0 R " * 100_000 + b"]")
    yield "contents_number", page_pdf(b"q Q").replace(b"/Contents 4 0 R", b"/Contents 17")
    yield "resources_own_page", page_pdf(b"/F 9 Tf", page=b"/Resources 3 0 R")
    yield "type_wrong", page_pdf(b"q Q").replace(b"/Type /Page /", b"/Type /Font /")
    yield "reference_chain", page_pdf(b"q Q", *(b"%d 0 R" % n for n in range(6, 3000)), page=b"/Resources 5 0 R")
    yield "reference_to_itself", page_pdf(b"q Q", b"5 0 R", page=b"/Resources 5 0 R")
    yield "parent_itself", page_pdf(b"q Q").replace(b"/Parent 2 0 R", b"/Parent 3 0 R").replace(b"/MediaBox", b"/XBox")
    yield "duplicate_objects", page_pdf(b"q Q") + b"3 0 obj\n<< /Type /Page >>\nendobj\n" * 100
    yield "version_99", page_pdf(b"q Q").replace(b"%PDF-1.7", b"%PDF-99.9")


def active() -> Cases:
    """Scripts, launch actions, attachments, forms: nothing of it may run or matter."""
    script = b"<< /S /JavaScript /JS (app.alert\\(1\\); while\\(true\\){}) >>"
    program = stream(b"MZ" + bytes(3000), b"/Type /EmbeddedFile")
    files = b"/Names << /EmbeddedFiles << /Names [(x.exe) << /Type /Filespec /F (x.exe) /EF << /F 5 0 R >> >>] >> >>"
    for name, catalog in {
        "javascript_open": b"/OpenAction " + script,
        "javascript_names": b"/Names << /JavaScript << /Names [(a) " + script + b"] >> >>",
        "launch": b"/OpenAction << /S /Launch /F (/bin/sh) /Win << /F (cmd.exe) >> >>",
        "open_uri": b"/OpenAction << /S /URI /URI (http://127.0.0.1:9/) >>",
        "go_to_remote": b"/OpenAction << /S /GoToR /F (\\\\\\\\127.0.0.1\\\\x.pdf) >>",
        "submit_form": b"/OpenAction << /S /SubmitForm /F << /FS /URL /F (http://127.0.0.1:9/) >> >>",
        "attachment": files,
        "xfa": b"/AcroForm << /XFA 5 0 R /Fields [] >>",
        "additional_actions": b"/AA << /WC " + script + b" /DP " + script + b" >>",
        "action_chain": b"/OpenAction << /S /Named /N /Print /Next " + script + b" >>",
    }.items():
        yield name, page_pdf(b"q Q", program, catalog=catalog)
    external = (
        b"<< /Type /XObject /Subtype /Image /Width 9 /Height 9 /F (/etc/passwd) /Length 0 >>\nstream\n\nendstream"
    )
    yield "external_stream", page_pdf(b"/I Do", external, page=b"/Resources << /XObject << /I 5 0 R >> >>")
    movie = b"<< /Type /Annot /Subtype /RichMedia /Rect [0 0 595 842] /AA << /PO %s >> >>" % script
    yield "rich_media", page_pdf(b"q Q", movie, page=b"/Annots [5 0 R]")


def not_pdfs() -> Cases:
    """Other things under a PDF's name, among them formats that MuPDF would open."""
    page = page_pdf(b"q Q")
    png = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    yield from {
        "empty": b"", "one_byte": b"%", "header_only": b"%PDF-1.7\n", "header_and_end": b"%PDF-1.7\n%%EOF\n",
        "text": b"This is a list of scores.\n" * 50, "html": b"<html><title>Disclaimer - IMSLP</title></html>",
        "random": random.Random(5).randbytes(50_000), "zero_bytes": bytes(1_000_000), "png": png,
        "gzip": gzip.compress(page, mtime=0), "jpeg": b"\xff\xd8\xff\xe0" + bytes(100),
        "postscript": b"%!PS-Adobe-3.0\n/x 1 def showpage\n", "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "xml": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "two_in_one": page + page,
        "two_kilobytes_before": bytes(2000) + page, "byte_order_mark": b"\xef\xbb\xbf" + page, "reversed": page[::-1],
        "utf_16": page.decode("latin-1").encode("utf-16"), "no_header": page[10:],
        "carriage_returns": page.replace(b"\n", b"\r"),
        "fdf": b"%FDF-1.2\n1 0 obj\n<< /FDF << >> >>\nendobj\ntrailer\n",
    }.items()  # fmt: skip
