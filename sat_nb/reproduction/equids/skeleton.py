"""The body of a horse or zebra as tapered tubes: proportions, pose, and the place of each part.

The unit is the length of the trunk; x points the way the animal faces, y up, the ground is y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sat_nb.arrays import Float64
from sat_nb.reproduction.rendering.canvas import Limb

GAITS = ("stand", "stand", "walk", "walk", "trot", "graze")


@dataclass(frozen=True)
class Pose:
    """The angles of the joints in radians, positive forwards (of the head: downwards).

    ``swing`` and ``bend`` have a value for each leg: near fore, far fore, near hind, far hind.
    """

    gait: str
    neck: float
    head: float
    swing: tuple[float, ...]
    bend: tuple[float, ...]
    tail: float


@dataclass(frozen=True)
class Build:
    """Proportions, all near 1; ``ear`` and ``ear_width`` are lengths in units.

    ``tail`` is the fullness of the tail or of its tuft; zebras and shorn horses have an
    ``upright_mane``.
    """

    legs: float
    girth: float
    neck: float
    head: float
    ear: float
    ear_width: float
    tail: float
    upright_mane: bool


def draw_pose(rng: np.random.Generator) -> Pose:
    """A random pose, from the same distribution for all species."""
    # A gait is a stride length and the lag of each leg behind the first. At a trot diagonal legs
    # move together; at a walk the legs follow one another a quarter of the cycle apart. ``beat`` is
    # the moment of the cycle that the photo shows. A leg swings with the sine of its phase and is
    # bent while it moves forward, that is while the cosine is large.
    gait = str(rng.choice(GAITS))
    stride = {"stand": 0.07, "graze": 0.12, "walk": 0.27, "trot": 0.36}[gait]
    beat = rng.uniform(0, 2 * np.pi)
    lag = {"trot": (0.0, np.pi, np.pi, 0.0)}.get(gait, (0.0, np.pi, 0.5 * np.pi, 1.5 * np.pi))
    phase = beat + np.array(lag) + rng.normal(0, 0.2, 4)
    swing = stride * np.sin(phase)
    lift = {"walk": 0.75, "trot": 1.15}.get(gait, 0.0)
    bend = lift * np.maximum(0.0, np.cos(phase) - 0.25)
    neck = {"stand": 0.82, "walk": 0.68, "trot": 0.80, "graze": -0.72}[gait] + rng.normal(0, 0.11)
    head = {"graze": 1.18}.get(gait, 0.88) + rng.normal(0, 0.11)
    tail = rng.normal(0.1, 0.12) + (0.3 if gait == "trot" else 0.0)
    return Pose(gait, neck, head, tuple(swing), tuple(bend), tail)


def draw_build(rng: np.random.Generator, species: str) -> Build:
    """Random proportions; zebras have longer, rounder ears and an upright mane."""
    zebra = species == "zebra"
    return Build(
        legs=rng.uniform(0.97, 1.10),
        girth=rng.uniform(0.94, 1.07),
        neck=rng.uniform(0.93, 1.08),
        head=rng.uniform(1.0, 1.12),
        ear=rng.uniform(0.15, 0.19) if zebra else rng.uniform(0.14, 0.18),
        ear_width=rng.uniform(0.038, 0.048) if zebra else rng.uniform(0.034, 0.044),
        tail=rng.uniform(0.75, 1.45) if zebra else rng.uniform(0.45, 1.15),
        upright_mane=zebra or bool(rng.random() < 0.2),
    )


def limbs(pose: Pose, build: Build) -> list[Limb]:
    """All tubes of the body except mane, tail and the details of the head."""
    return [
        *_legs(pose, build, near=False),
        _trunk(build),
        *_legs(pose, build, near=True),
        neck(pose, build),
        *head(pose, build),
    ]


def _trunk(build: Build) -> Limb:
    x = [-0.315, -0.20, -0.04, 0.12, 0.26]
    y = np.array([0.755, 0.745, 0.725, 0.722, 0.745])
    r = np.array([0.225, 0.228, 0.222, 0.236, 0.245]) * build.girth
    return Limb("trunk", np.column_stack([x, y + 0.56 * (build.legs - 1)]), r, 0.0)


def neck(pose: Pose, build: Build) -> Limb:
    """The neck, from the shoulder to the poll."""
    base = np.array([0.31, 0.795 + 0.56 * (build.legs - 1)])
    length = 0.58 * build.neck
    bend = 0.16 if pose.gait != "graze" else -0.05
    reach = [0.0, 0.35, 0.7, 1.0]
    angles = pose.neck + bend * np.array([0.0, -0.4, 0.2, 0.6])
    steps = np.diff(reach)[:, None] * length * _direction(angles[1:])
    points = np.vstack([base, base + np.cumsum(steps, axis=0)])
    radii = np.array([0.215, 0.155, 0.115, 0.092]) * (0.5 + 0.5 * build.girth)
    return Limb("neck", points, radii, 0.02)


def head_frame(pose: Pose, build: Build) -> tuple[Float64, Float64, Float64, float]:
    """(poll, unit vector towards the nose, unit vector towards the brow, length of the head)."""
    poll = neck(pose, build).points[-1]
    along = _direction(np.array([-pose.head]))[0]
    return poll, along, np.array([-along[1], along[0]]), 0.41 * build.head


def place(pose: Pose, build: Build, along: float, across: float) -> Float64:
    """A point of the head: ``along`` it from poll (0) to nose (1), ``across`` towards the brow."""
    poll, forward, up, length = head_frame(pose, build)
    return poll + length * (along * forward + across * up)


def head(pose: Pose, build: Build) -> list[Limb]:
    """Skull, jaw, muzzle and ears."""
    length = 0.41 * build.head

    def line(kind: str, at: list[tuple[float, float, float]], z: float, far: bool = False) -> Limb:
        points = np.array([place(pose, build, a, b) for a, b, _ in at])
        return Limb(kind, points, np.array([r for _, _, r in at]) * length, z, far)

    width = build.ear_width / length
    tall = build.ear / length
    lean = 0.25 if pose.gait != "graze" else 0.15
    near = [
        (0.04, 0.15, 0.5 * width),
        (0.04 + lean * 0.3, 0.15 + 0.5 * tall, width),
        (0.02 + lean * 0.4, 0.15 + tall, 0.18 * width),
    ]
    far = [(a + 0.13, b - 0.01, r) for a, b, r in near]
    return [
        line("ear", far, -0.10, far=True),
        line(
            "head",
            [(0.02, 0.0, 0.235), (0.22, 0.005, 0.25), (0.48, -0.005, 0.185), (0.76, -0.015, 0.135)],
            0.03,
        ),
        line("jaw", [(0.16, -0.115, 0.21), (0.34, -0.10, 0.165), (0.6, -0.06, 0.10)], 0.035),
        line("muzzle", [(0.76, -0.015, 0.137), (0.9, -0.025, 0.142), (0.95, -0.045, 0.125)], 0.034),
        line("ear", near, 0.10),
    ]


def _legs(pose: Pose, build: Build, *, near: bool) -> list[Limb]:
    side = 0 if near else 1
    z = 0.085 if near else -0.15
    shift = 0.0 if near else 0.045
    fore = _fore_leg(pose.swing[side], pose.bend[side], build, shift)
    hind = _hind_leg(pose.swing[2 + side], pose.bend[2 + side], build, shift)
    parts = []
    for kind, (points, radii, foot) in (("hind", hind), ("fore", fore)):
        parts.append(Limb(kind, points, radii, z, not near))
        parts.append(
            Limb("hoof", foot, np.array([0.037, 0.056]), z + 0.01, not near, flat_end=True)
        )
    return parts


def _fore_leg(
    swing: float, bend: float, build: Build, shift: float
) -> tuple[Float64, Float64, Float64]:
    elbow = np.array([0.27 + shift, 0.56 * build.legs])
    shoulder = np.array([0.34 + shift, elbow[1] + 0.18])
    lift = 0.75 * bend
    knee = elbow + 0.25 * build.legs * _down(swing + lift)
    fetlock = knee + 0.19 * build.legs * _down(swing + lift - 1.5 * bend)
    coronet = fetlock + 0.07 * _down(swing + lift - 2.0 * bend + 0.42)
    foot = coronet + 0.062 * _down(swing + lift - 2.1 * bend + 0.22)
    points = np.array(
        [shoulder, elbow, (elbow + knee) / 2, knee, (knee + fetlock) / 2, fetlock, coronet, foot]
    )
    points = _grounded(points, 1, bend)
    radii = np.array([0.155, 0.095, 0.062, 0.047, 0.032, 0.040, 0.034])
    return points[:-1], radii, points[-2:]


def _hind_leg(
    swing: float, bend: float, build: Build, shift: float
) -> tuple[Float64, Float64, Float64]:
    hip = np.array([-0.345 + shift, 0.79 + 0.56 * (build.legs - 1)])
    stifle = np.array([-0.255 + shift, 0.60 * build.legs])
    hock = stifle + 0.27 * build.legs * _down(-0.56 + swing + 0.5 * bend)
    fetlock = hock + 0.24 * build.legs * _down(0.10 + swing - 0.75 * bend)
    coronet = fetlock + 0.07 * _down(0.42 + swing - 1.2 * bend)
    foot = coronet + 0.062 * _down(0.22 + swing - 1.3 * bend)
    points = np.array(
        [
            hip,
            stifle,
            (stifle + hock) / 2 + [0.012, 0.0],
            hock,
            (hock + fetlock) / 2,
            fetlock,
            coronet,
            foot,
        ]
    )
    points = _grounded(points, 1, bend)
    radii = np.array([0.185, 0.135, 0.080, 0.052, 0.036, 0.042, 0.035])
    return points[:-1], radii, points[-2:]


def _grounded(points: Float64, start: int, bend: float) -> Float64:
    """Stretch a leg below joint ``start`` so that it reaches the ground; a lifted foot stays up."""
    top, foot = points[start, 1], points[-1, 1]
    if bend > 0.12 and foot > 0.0:
        return points
    stretched = points.copy()
    stretched[start:, 1] = top - (top - points[start:, 1]) * top / (top - foot)
    return stretched


def tail(pose: Pose, build: Build, species: str) -> Limb:
    """The tail: a horse's is full from the dock down, a zebra's is thin and ends in a tuft."""
    dock = np.array([-0.50, 0.875 + 0.56 * (build.legs - 1)])
    angles = np.array([-1.0, -0.45, -0.15, 0.0]) * (0.6 + pose.tail) - 0.35 * pose.tail
    steps = 0.165 * _down(angles)
    points = np.vstack([dock + np.array([0.04, 0.0]), dock, dock + np.cumsum(steps, axis=0)])
    full = build.tail
    if species == "horse":
        radii = [0.03, 0.035, 0.052 * full, 0.068 * full, 0.066 * full, 0.02]
    else:
        radii = [0.03, 0.028, 0.023, 0.021 * full, 0.045 * full, 0.016]
    return Limb("tail", points, np.array(radii), -0.02)


def _direction(angles: Float64) -> Float64:
    return np.column_stack([np.cos(angles), np.sin(angles)])


def _down(angles: float | Float64) -> Float64:
    return np.stack([np.sin(angles), -np.cos(angles)], axis=-1)
