"""The shapes of the digits, in the ways in which people write them.

A skeleton is the path of the pen in a box from about 0 to 1, x to the right and y down. Each
stroke is a list of points on a smooth curve, which may turn sharply at a point marked CORNER.
Shapes are upright: `handwriting.py` adds slant, thickness and all other variety. To add a way of
writing a digit, add an entry to SKELETONS.

The shapes were sketched by hand. Most were then fitted to MNIST training images, 200 of each digit:
points moved to their mean positions, and shares towards how often each skeleton fitted best.
MNIST's writers were Americans, so each skeleton has two shares: theirs, and an estimate for the
world, where a 1 often has a long flag and a 7 a bar.
"""

from dataclasses import dataclass

CORNER = True

Point = tuple[float, float] | tuple[float, float, bool]


@dataclass(frozen=True)
class Skeleton:
    """One way of writing a digit.

    Attributes:
        digit: the digit it shows.
        name: its difference from the digit's other skeletons.
        share: its frequency in MNIST, relative to the digit's other skeletons.
        worldwide: the same among writers of many countries.
        strokes: the points of each stroke.
    """

    digit: int
    name: str
    share: float
    worldwide: float
    strokes: tuple[tuple[Point, ...], ...]


def _shape(
    digit: int, name: str, share: float, *strokes: list[Point], worldwide: float | None = None
) -> Skeleton:
    return Skeleton(
        digit,
        name,
        share,
        share if worldwide is None else worldwide,
        tuple(tuple(stroke) for stroke in strokes),
    )


# fmt: off
SKELETONS = (
    _shape(0, "round", 0.24,
           [(.52, .01), (.24, .12), (.06, .45), (.15, .85), (.47, .98), (.81, .86), (.97, .49),
            (.82, .11), (.53, .00)], worldwide=0.40),
    _shape(0, "narrow", 0.28,
           [(.50, .00), (.33, .13), (.19, .49), (.23, .86), (.47, .97), (.73, .85), (.85, .49),
            (.69, .11), (.49, -.01)]),
    _shape(0, "closed with an overlap", 0.36,
           [(.65, .11), (.37, .03), (.15, .33), (.11, .74), (.40, .98), (.80, .85), (.94, .47),
            (.72, .08), (.44, .03), (.31, .20)]),
    _shape(0, "started at the upper right", 0.12,
           [(.81, .10), (.49, .01), (.18, .29), (.09, .71), (.37, .98), (.76, .87), (.92, .51),
            (.81, .16), (.61, .05)]),

    _shape(1, "stick", 0.74,
           [(.50, .00), (.51, .33), (.50, .66), (.50, 1.0)], worldwide=0.25),
    _shape(1, "flag", 0.10,
           [(.38, .24), (.45, .12), (.51, .00, CORNER), (.51, .50), (.51, 1.0)], worldwide=0.12),
    _shape(1, "flag and base", 0.11,
           [(.34, .24), (.43, .12), (.51, .00, CORNER), (.50, .50), (.50, 1.0)],
           [(.28, 1.0), (.50, 1.0), (.74, .98)], worldwide=0.13),
    _shape(1, "base", 0.05,
           [(.50, .00), (.50, .50), (.49, 1.0)], [(.34, .99), (.50, 1.0), (.68, .98)]),
    _shape(1, "long flag", 0,
           [(.12, .40), (.30, .22), (.51, .00, CORNER), (.51, .50), (.51, 1.0)], worldwide=0.30),
    _shape(1, "long flag and base", 0,
           [(.12, .36), (.30, .20), (.51, .00, CORNER), (.51, .50), (.51, 1.0)],
           [(.14, 1.0), (.50, 1.0), (.88, .99)], worldwide=0.20),

    _shape(2, "plain", 0.14,
           [(.10, .22), (.36, .05), (.71, .06), (.80, .32), (.51, .64), (.10, .96, CORNER),
            (.49, .96), (.96, .93)], worldwide=0.30),
    _shape(2, "looped", 0.50,
           [(.19, .15), (.40, .04), (.68, .13), (.72, .43), (.50, .79), (.15, .99), (-.01, .90),
            (.15, .72), (.47, .74), (.73, .86), (.99, .88)]),
    _shape(2, "curved foot", 0.20,
           [(.18, .14), (.42, .04), (.72, .16), (.72, .48), (.38, .75), (.09, .95, CORNER),
            (.32, .91), (.62, .90), (.96, .87)]),
    _shape(2, "like a Z", 0.16,
           [(.11, .10), (.40, .03), (.76, .07), (.75, .24), (.43, .59), (.13, .94, CORNER),
            (.48, .98), (.96, .91)]),

    _shape(3, "round", 0.30,
           [(.18, .14), (.45, .04), (.74, .12), (.66, .35), (.38, .48, CORNER), (.70, .52),
            (.85, .78), (.53, 1.0), (.11, .87)]),
    _shape(3, "smooth waist", 0.16,
           [(.20, .12), (.50, .03), (.72, .16), (.58, .41), (.50, .47), (.66, .52), (.80, .76),
            (.53, .99), (.14, .88)]),
    _shape(3, "looped waist", 0.39,
           [(.23, .09), (.51, .04), (.74, .15), (.59, .36), (.30, .50), (.33, .46), (.63, .48),
            (.82, .73), (.52, .98), (.14, .90)]),
    _shape(3, "flat top", 0.15,
           [(.17, .06), (.48, .03), (.78, .06, CORNER), (.63, .23), (.36, .41, CORNER),
            (.73, .51), (.84, .75), (.52, .99), (.14, .94)], worldwide=0.30),

    _shape(4, "open", 0.49,
           [(.22, .11), (.19, .30), (.12, .53, CORNER), (.41, .55), (.89, .52)],
           [(.73, -.02), (.69, .35), (.66, .68), (.65, .99)]),
    _shape(4, "open and curved", 0.33,
           [(.19, .07), (.12, .32), (.12, .53), (.42, .55), (.76, .47)],
           [(.78, .01), (.74, .36), (.70, .69), (.67, .99)]),
    _shape(4, "closed", 0.10,
           [(.61, .00), (.36, .32), (.08, .63, CORNER), (.49, .64), (.94, .62)],
           [(.64, .02), (.63, .36), (.62, .69), (.63, 1.0)], worldwide=0.30),
    _shape(4, "one stroke", 0.11,
           [(.19, .07), (.11, .38), (.21, .48), (.57, .47), (.73, .14, CORNER), (.69, .51),
            (.67, 1.0)]),

    _shape(5, "hat apart", 0.34,
           [(.30, .07), (.23, .24), (.17, .47, CORNER), (.44, .42), (.76, .53), (.75, .83),
            (.39, .99), (.07, .89)],
           [(.30, .06), (.58, .04), (.93, .03)]),
    _shape(5, "one stroke", 0.38,
           [(.97, .00), (.61, .05), (.35, .09, CORNER), (.24, .25), (.17, .44, CORNER),
            (.48, .46), (.73, .62), (.68, .89), (.34, .98), (.07, .86)]),
    _shape(5, "like an S", 0.28,
           [(.91, .01), (.58, .05), (.31, .16), (.25, .36), (.55, .51), (.75, .72), (.57, .94),
            (.26, .98), (.04, .86)]),

    _shape(6, "plain", 0.31,
           [(.58, -.01), (.32, .27), (.17, .58), (.19, .84), (.42, .96), (.72, .86), (.81, .63),
            (.58, .55), (.33, .73), (.23, .86)]),
    _shape(6, "slim", 0.59,
           [(.49, -.02), (.28, .32), (.18, .63), (.25, .88), (.47, .96), (.75, .82), (.73, .61),
            (.48, .66), (.31, .87)]),
    _shape(6, "round", 0.10,
           [(.71, .01), (.40, .18), (.18, .50), (.20, .81), (.45, .98), (.76, .86), (.76, .62),
            (.52, .51), (.27, .67), (.19, .80)], worldwide=0.25),
    _shape(6, "wide bowl", 0.08,
           [(.50, .00), (.22, .34), (.10, .70), (.24, .96), (.58, .98), (.90, .84), (.88, .60),
            (.62, .56), (.34, .74), (.24, .90)], worldwide=0.20),

    _shape(7, "plain", 0.24,
           [(.09, .09), (.45, .08), (.82, .08, CORNER), (.68, .36), (.52, .69), (.42, 1.05)]),
    _shape(7, "rounded corner", 0.34,
           [(.06, .15), (.42, .08), (.74, .07), (.81, .16), (.71, .47), (.45, 1.06)]),
    _shape(7, "serif", 0.30,
           [(.08, .27), (.14, .09, CORNER), (.46, .09), (.79, .08, CORNER), (.71, .36),
            (.58, .69), (.44, 1.06)]),
    _shape(7, "bar", 0.13,
           [(.15, .09), (.45, .07), (.78, .08, CORNER), (.67, .35), (.55, .68), (.45, 1.02)],
           [(.29, .55), (.56, .51), (.86, .49)], worldwide=0.40),
    _shape(7, "hooked", 0.06,
           [(.06, .34), (.12, .10), (.34, .12), (.58, .14), (.80, .06, CORNER), (.70, .40),
            (.56, 1.0)]),

    _shape(8, "S loop", 0.38,
           [(.74, .11), (.48, .01), (.25, .18), (.42, .42), (.70, .69), (.67, .94), (.38, .99),
            (.25, .83), (.42, .56), (.67, .36), (.81, .14), (.62, .03)]),
    _shape(8, "two circles", 0.10,
           [(.50, .01), (.27, .11), (.27, .35), (.50, .44), (.70, .35), (.74, .10), (.50, .00)],
           [(.51, .47), (.26, .60), (.20, .86), (.50, .97), (.80, .87), (.74, .59),
            (.50, .47)], worldwide=0.25),
    _shape(8, "wide circles", 0.08,
           [(.50, .00), (.18, .10), (.18, .36), (.50, .46), (.82, .36), (.82, .10), (.50, .00)],
           [(.50, .46), (.10, .58), (.08, .88), (.50, 1.0), (.92, .88), (.90, .58), (.50, .46)],
           worldwide=0.20),
    _shape(8, "open top", 0.52,
           [(.80, .05), (.51, .02), (.25, .20), (.40, .43), (.65, .67), (.66, .89), (.42, .99),
            (.27, .85), (.42, .58), (.67, .37), (.88, .14)]),

    _shape(9, "straight tail", 0.46,
           [(.68, .08), (.46, .03), (.21, .25), (.27, .47), (.58, .44), (.75, .18, CORNER),
            (.69, .56), (.64, 1.02)]),
    _shape(9, "loop closed at the right", 0.44,
           [(.73, .21), (.56, .03), (.28, .13), (.20, .38), (.41, .48), (.68, .34), (.73, .15),
            (.72, .39), (.64, .71), (.57, 1.04)]),
    _shape(9, "curved tail", 0.11,
           [(.74, .15), (.49, .02), (.22, .22), (.25, .44), (.56, .42), (.74, .16, CORNER),
            (.78, .56), (.62, .93), (.34, 1.0), (.14, .88)], worldwide=0.25),
)
# fmt: on
