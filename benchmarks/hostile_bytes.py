"""Small PDFs and their parts, written byte by byte: what the sources of bad PDFs are put together from."""

import zlib


def pdf(*objects: bytes, trailer: bytes = b"/Root 1 0 R", tail: bytes | None = None) -> bytes:
    """A PDF of the given objects, numbered from 1, with a correct cross-reference table (or `tail` in its place)."""
    body, offsets = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start, size = len(body), len(objects) + 1
    if tail is not None:
        return body + tail.replace(b"@START@", b"%d" % start)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % size + b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return body + table + b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, start)


def stream(data: bytes, entries: bytes = b"", length: bytes | None = None) -> bytes:
    """A stream object with its dictionary."""
    length = b"%d" % len(data) if length is None else length
    return b"<< /Length %s %s >>\nstream\n%s\nendstream" % (length, entries, data)


def page_pdf(
    content: bytes, *objects: bytes, page: bytes = b"", box: bytes = b"[0 0 595 842]", catalog: bytes = b""
) -> bytes:
    """One page: object 1 catalog, 2 pages, 3 page, 4 contents (an object, or bare operators), 5 and on `objects`."""
    if not content.endswith(b"endstream"):
        content = stream(content)
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox %s /Contents 4 0 R %s >>" % (box, page),
        content,
        *objects,
    )


def image_pdf(data: bytes, entries: bytes) -> bytes:
    """One page that an image (object 5) fills."""
    image = stream(data, b"/Type /XObject /Subtype /Image " + entries)
    return page_pdf(b"q 595 0 0 842 0 0 cm /I Do Q", image, page=b"/Resources << /XObject << /I 5 0 R >> >>")


def zeros(megabytes: int) -> bytes:
    """A zlib stream of so many MB of zero bytes, put together from one compressed block (its checksum is wrong)."""
    compressor = zlib.compressobj(9, wbits=-15)
    block = compressor.compress(bytes(2**20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + block * megabytes + b"\x03\x00" + b"\x00\x00\x00\x01"
