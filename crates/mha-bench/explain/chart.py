"""Bars in groups, several panels in one SVG. Written with the standard library, so that the same figures give the same file."""

from xml.etree import ElementTree

WIDTH, HEIGHT = 320, 200
LEFT, TOP, BOTTOM, GAP = 44, 34, 30, 20
COLORS = ["#b0413e", "#e0a13a", "#3b6ea5", "#7fb7be"]


def text(parent, x, y, content, size=11, anchor="middle", color="#222"):
    ElementTree.SubElement(parent, "text", x=f"{x:g}", y=f"{y:g}", fill=color, **{
        "font-size": str(size), "text-anchor": anchor, "font-family": "sans-serif"}).text = content


def line(parent, x1, y1, x2, y2, color, dashed=False):
    dashes = {"stroke-dasharray": "4 3"} if dashed else {}
    ElementTree.SubElement(parent, "line", x1=f"{x1:g}", y1=f"{y1:g}", x2=f"{x2:g}", y2=f"{y2:g}", stroke=color, **dashes)


def panel(parent, x, y, title, groups, limit, form):
    """`groups` is a list of (label, values); `limit` a value to mark and what it is, or None."""
    largest = max([value for _, values in groups for value in values] + [limit[0] if limit else 0]) * 1.12 or 1
    bottom = y + HEIGHT - BOTTOM
    height = HEIGHT - TOP - BOTTOM
    text(parent, x + LEFT, y + 14, title, 12, "start")
    line(parent, x + LEFT, bottom, x + WIDTH, bottom, "#222")
    step = (WIDTH - LEFT) / len(groups)
    for index, (label, values) in enumerate(groups):
        width = step * 0.82 / len(values)
        begin = x + LEFT + index * step + step * 0.09
        text(parent, begin + step * 0.41, bottom + 16, label)
        for place, value in enumerate(values):
            tall = height * value / largest
            ElementTree.SubElement(parent, "rect", x=f"{begin + place * width:g}", y=f"{bottom - tall:g}", width=f"{width * 0.9:g}",
                                   height=f"{tall:g}", fill=COLORS[place])
            text(parent, begin + (place + 0.45) * width, bottom - tall - 3, format(value, form), 8)
    if limit:
        height_of = bottom - height * limit[0] / largest
        line(parent, x + LEFT, height_of, x + WIDTH, height_of, "#555", dashed=True)
        text(parent, x + LEFT - 4, height_of + 3, limit[1], 9, "end", "#555")


def chart(names, panels):
    """An SVG of rows of panels, each (title, groups, limit, format of values), under one legend."""
    columns = max(len(row) for row in panels)
    width = columns * (WIDTH + GAP) + GAP
    svg = ElementTree.Element("svg", xmlns="http://www.w3.org/2000/svg", width=str(width),
                              height=str(len(panels) * (HEIGHT + GAP) + 30), role="img")
    ElementTree.SubElement(svg, "rect", width="100%", height="100%", fill="white")
    x = LEFT + GAP
    for name, color in zip(names, COLORS):
        ElementTree.SubElement(svg, "rect", x=f"{x:g}", y="12", width="12", height="12", fill=color)
        text(svg, x + 17, 22, name, 12, "start")
        x += 30 + 7 * len(name)
    for index, row in enumerate(panels):
        for place, content in enumerate(row):
            panel(svg, GAP + place * (WIDTH + GAP), 34 + index * (HEIGHT + GAP), *content)
    ElementTree.indent(svg)
    return ElementTree.tostring(svg, encoding="unicode") + "\n"
