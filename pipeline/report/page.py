"""The report: one page that holds everything it shows and opens without a network."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from pipeline.report.curves import cmc_chart, training_charts
from pipeline.report.markup import paragraph, section
from pipeline.report.retrieval import retrievals
from pipeline.report.sheets import artifact_sheets, overview
from pipeline.report.sources import ReportParams, Sources
from pipeline.report.tables import class_table, dataset_table, quality_table, reid_table, total

STYLE = Path(__file__).with_name("page.css")
TITLE = "Vehicle re-identification by parts and views"
WORDS = {
    "mAP": "Mean average precision: how near the top all images of the asked vehicle are ranked; 100 is perfect. "
    "Precision is averaged at each hit. “Trapezoid” averages it between hits, as VeRi-776's own program does, and "
    "must not be compared with the first.",
    "R1, R5, R10": "Share of queries with at least one right image among the first 1, 5 or 10.",
    "mINP": "How early the last, hardest right image of a query comes; 100 when nothing wrong stands before it.",
    "distance": "How two images are compared: euclidean on unit-length features, or CPDM, which compares front, rear "
    "and side apart and weighs each by how much of it both images show.",
    "left out": "Queries without any right image in the gallery; they count in no mean.",
    "IoU": "Intersection over union: shared area divided by joint area of a mask (or box) and the truth.",
    "coverage, spill": "Used where only some parts of the vehicle are annotated: share of the annotated pixels that "
    "the mask holds, and share of the mask that lies clearly off the vehicle.",
    "GrabCut seed": "A mask made without any learning; the foreground network is trained on these noisy masks alone.",
    "view masks": "Where the front, the rear and the side of the vehicle are seen, learnt from image-level labels.",
}


def build_page(data: Path, datasets: Sequence[str], models: list[str], params: ReportParams) -> str:
    """Build the whole page as text.

    Args:
        data: The folder that holds every stage's outputs; read are ``images``, ``truth``, ``grabcut``,
            ``foreground``, ``parts``, ``part_masks``, ``quality``, ``evaluation`` and ``history`` in it.
        datasets: Data sets to show.
        models: Models to show, in order.
        params: Sizes and counts.

    Returns:
        One HTML document, the same bytes for the same input.

    Raises:
        FileNotFoundError: An output is missing.
        ValueError: An output belongs to another table of images.
    """
    sources = [Sources(data, name, models) for name in datasets]
    sections = {
        "summary": section("summary", "What ran", _tiles(sources, models), dataset_table(sources)),
        "metrics": section("metrics", "Re-identification", _metrics(sources) if models else ""),
        "retrievals": section("retrievals", "Who was found", *(retrievals(item, params) for item in sources if models)),
        "quality": section(
            "quality", "Quality of intermediate artifacts", quality_table(sources), class_table(sources)
        ),
        "artifacts": section(
            "artifacts",
            "Every artifact of the same images",
            paragraph("Images are chosen by rule to differ in viewpoint, type and camera, outside the training split."),
            *(artifact_sheets(item, params) for item in sources),
        ),
        "overview": section("overview", "The data", *(overview(item, params) for item in sources)),
        "training": section("training", "Training", training_charts(data / "history", list(datasets), models)),
        "words": section("words", "What the words mean", _words()),
    }
    return _document({name: text for name, text in sections.items() if text}, _lead(models))


def _document(sections: dict[str, str], lead: str) -> str:
    names = {
        "summary": "What ran",
        "metrics": "Re-identification",
        "retrievals": "Who was found",
        "quality": "Quality",
        "artifacts": "Artifacts",
        "overview": "The data",
        "training": "Training",
        "words": "Words",
    }
    links = "".join(f'<li><a href="#{name}">{escape(names[name])}</a></li>' for name in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(TITLE)}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        f'<header><h1>{escape(TITLE)}</h1><p class="lead">{escape(lead)}</p></header>\n'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n<main>\n' + "\n".join(sections.values()) + "\n</main>\n"
        "</body>\n</html>\n"
    )


def _lead(models: Sequence[str]) -> str:
    found = f", and how well vehicles are found again by {', '.join(models)}" if models else ""
    return f"Results of one run of the pipeline: masks, part boxes and view masks of every image{found}."


def _metrics(sources: Sequence[Sources]) -> str:
    curves = "".join(cmc_chart(item) for item in sources)
    title = "<h3>Cumulative matching: queries with a right image among the first ranks</h3>"
    return f'{reid_table(sources)}{title}<div class="charts">{curves}</div>'


def _tiles(sources: Sequence[Sources], models: Sequence[str]) -> str:
    numbers = {
        "data sets": f"{len(sources)}",
        "distinct images": f"{total(sources, 'images'):,}",
        "vehicles": f"{total(sources, 'vehicles'):,}",
        "re-ID models": f"{len(models)}",
    }
    for item in sources if models else ():
        numbers |= _best(item)
    tiles = "".join(f"<div><dt>{escape(name)}</dt><dd>{number}</dd></div>" for name, number in numbers.items())
    return f'<dl class="tiles">{tiles}</dl>'


def _best(sources: Sources) -> dict[str, str]:
    """The best model and its mAP; nothing where identities are withheld."""
    found = {model: sources.metrics(model)["mAP"] for model in sources.models}
    known = {model: float(value) for model, value in found.items() if value is not None}
    best = max(known, key=lambda name: known[name], default="")
    return {f"best mAP on {sources.name}, by {best}": f"{100 * known[best]:.1f} %"} if known else {}


def _words() -> str:
    words = "".join(f"<dt>{escape(word)}</dt><dd>{escape(meaning)}</dd>" for word, meaning in WORDS.items())
    return f'<dl class="words">{words}</dl>'
