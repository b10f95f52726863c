"""The distortions of training images."""

from typing import Annotated

from pydantic import Field

from mlpcli.config.schema.section import BelowOne, Section, Share

Pixels = Annotated[float, Field(ge=0, le=1000)]


class ElasticConfig(Section):
    """Elastic distortion (Simard, Steinkraus and Platt, 2003).

    A number from -1 to 1 is drawn for each pixel and direction; a Gaussian of standard deviation
    sigma smooths them; times alpha they are displacements, with a standard deviation of about
    0.163 alpha / sigma pixels.
    """

    alpha: Pixels = Field(
        default=34.0,
        description="Strength, in pixels before smoothing; 34 is Simard's for digits, 0 turns it"
        " off.",
    )
    sigma: float = Field(
        default=4.0,
        ge=0.5,
        le=100,
        description="Smoothness: standard deviation of the Gaussian in pixels; 4 is Simard's for"
        " digits. Smaller ones crumple the strokes.",
    )


class EraseConfig(Section):
    """Random erasing (Zhong et al., 2020): rectangles of background over some of the images."""

    probability: Share = Field(
        default=0.5, description="The chance that an image loses a rectangle; 0 turns it off."
    )
    area: float = Field(
        default=0.1,
        ge=0.02,
        le=0.9,
        description="The largest share of the image that a rectangle covers; the smallest is 0.02."
        " Much more than 0.1 can hide what tells two digits apart.",
    )


class AugmentationConfig(Section):
    """The distortions of the training images, drawn anew each epoch; none by default.

    Each amount is drawn evenly between minus the setting and the setting. All geometric
    distortions of an image are one map, and the image is resampled once (Cireşan et al., 2010).
    """

    shift: Pixels = Field(default=0.0, description="Most pixels to each side, up and down.")
    rotation: float = Field(
        default=0.0,
        ge=0,
        le=180,
        description="Most degrees, both ways; above 30 a 6 may pass for a 9.",
    )
    scale: float = Field(
        default=0.0,
        ge=0,
        le=0.9,
        description="Most that width and height, each by itself, grow or shrink: 0.1 is a tenth.",
    )
    shear: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="Most that a pixel moves sideways for each pixel of height: slanted writing.",
    )
    elastic: ElasticConfig | None = Field(
        default=None, description="null: none. {}: elastic distortion as Simard's."
    )
    thickness: Share = Field(
        default=0.0,
        description="Most that the edges of the strokes move in or out, in pixels, by grey-scale"
        " erosion and dilation (Haralick et al., 1987).",
    )
    noise: Share = Field(
        default=0.0,
        description="Standard deviation of Gaussian noise on each pixel, as a share of white"
        " (Sietsma and Dow, 1991).",
    )
    erase: EraseConfig | None = Field(
        default=None, description="null: nothing. {}: random erasing, by defaults."
    )
    undistorted_fraction: BelowOne = Field(
        default=0.0,
        description="The part of the epochs, the last ones, that shows the images as they are (He"
        " et al., 2019), as evaluation does. Rounded to whole epochs, one at least, and one at"
        " least is distorted. 0.05 is enough with a learning rate that falls to 0; with much more"
        " they are learned by heart.",
    )
