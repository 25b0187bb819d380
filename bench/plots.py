"""Bars as SVG, written as text. Colours are legible on white and on black."""

from xml.sax.saxutils import escape

COLOURS = {"direct": "#8a8a8a", "pgbouncer": "#d1873b", "cenote": "#2f8fb3",
           "cenote-epoll": "#2f8fb3", "cenote-uring": "#5aa864"}
NAMES, WIDTH, BAR, GAP = 150, 760, 11, 12
TEXT = 'font-family="sans-serif" font-size="11" fill="#777777"'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _group(name: str, values: dict, series: list, top: int) -> list:
    """One workload: bars in percent of its longest one, each with its number."""
    longest = max((x for x in values.values() if x), default=1)
    room = WIDTH - NAMES - 90
    made = [f'<text x="{NAMES - 8}" y="{top + BAR * len(series) / 2 + 4:.0f}" '
            f'text-anchor="end" {TEXT}>{escape(name)}</text>']
    for number, one in enumerate(series):
        value = values.get(one)
        if value is None:
            continue
        y, width = top + number * BAR, max(1.0, room * value / longest)
        made.append(f'<rect x="{NAMES}" y="{y}" width="{width:.1f}" '
                    f'height="{BAR - 1}" fill="{COLOURS[one]}"/>')
        made.append(f'<text x="{NAMES + width + 5:.1f}" y="{y + BAR - 2}" {TEXT}>'
                    f'{_number(value)}</text>')
    return made


def bars(title: str, values: dict, series: list) -> str:
    """`values`: workload -> series -> number or None. Each workload has a scale of
    its own: what counts is how its bars compare."""
    made = [f'<text x="8" y="18" {TEXT} font-weight="bold">{escape(title)}</text>']
    for number, one in enumerate(series):
        x = NAMES + number * 120
        made.append(f'<rect x="{x}" y="28" width="10" height="10" '
                    f'fill="{COLOURS[one]}"/>')
        made.append(f'<text x="{x + 15}" y="37" {TEXT}>{escape(one)}</text>')
    top = 52
    for name, found in values.items():
        made += _group(name, found, series, top)
        top += BAR * len(series) + GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" '
            f'viewBox="0 0 {WIDTH} {top}">\n' + "\n".join(made) + "\n</svg>\n")
