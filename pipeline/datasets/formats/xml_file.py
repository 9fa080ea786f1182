"""XML files of any encoding, without entities."""

import re
from pathlib import Path
from xml.etree import ElementTree

from pipeline.store.files import regular

_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>")
_ENCODING = re.compile(r"""encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""", re.ASCII)


def parse_xml(path: Path, encoding: str | None = None) -> ElementTree.Element:
    """Parse an XML file; its root.

    Python's parser refuses encodings of several bytes, gb2312 among them, so the text is decoded before it is parsed.

    Args:
        path: The file.
        encoding: Of the text, whatever the file says; None takes what it says, or else UTF-8.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is no XML in that encoding, or declares entities, which can grow without bound and name files.
    """
    content = regular(path).read_bytes()
    name = encoding or _declared(content)
    try:
        text = content.decode(name)
        text = text.removeprefix("\ufeff")
        declaration = _DECLARATION.match(text)
        text = text[declaration.end() :] if declaration else text
        if "<!ENTITY" in text:
            raise ValueError(f"{path}: declares entities, which are not read; save it without its DOCTYPE")
        return ElementTree.fromstring(text)
    except LookupError as error:
        raise ValueError(f"{path}: not an XML file of a known encoding ({error}); save it as UTF-8") from error
    except UnicodeError as error:
        raise ValueError(f"{path}: not an XML file in {name} ({error}); save it as UTF-8") from error
    except (ElementTree.ParseError, RecursionError) as error:
        raise ValueError(f"{path}: not an XML file ({error})") from error


def _declared(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    declaration = _DECLARATION.match(content[:200].decode("latin-1").removeprefix("\xef\xbb\xbf"))
    encoding = _ENCODING.search(declaration[0]) if declaration else None
    name = encoding[1] if encoding else "utf-8"
    return "gb18030" if name.lower() in ("gb2312", "gbk") else name  # a superset, which tools write under the old name
