"""A person's body as tapered tubes: proportions, and a pose for each action.

The unit is the person's height; x points the way the person faces, y up, the hips are at (0, 0).
Angles are in degrees from straight down, positive forwards: 90 is ahead, 180 is up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sat_nb.arrays import Float64
from sat_nb.reproduction.rendering.canvas import Limb

Rng = np.random.Generator


@dataclass(frozen=True)
class Build:
    """Proportions, all near 1: the length of the limbs, and the girth."""

    limbs: float
    girth: float


@dataclass(frozen=True)
class Pose:
    """The joints, in units: neck, head, two arms (3, 2) and two legs (4, 2), the near ones first.

    An arm has shoulder, elbow and hand; a leg has hip, knee, ankle and toe. ``turned`` is a person
    seen from behind; ``gear`` are the tubes of what the person carries.
    """

    neck: Float64
    head: Float64
    arms: tuple[Float64, Float64]
    legs: tuple[Float64, Float64]
    turned: bool
    gear: tuple[Limb, ...]


def draw_build(rng: Rng) -> Build:
    """Random proportions, from the same distribution for all actions."""
    return Build(rng.uniform(0.94, 1.06), rng.uniform(0.88, 1.2))


def limbs(pose: Pose, build: Build) -> list[Limb]:
    """All tubes of the person and the gear."""
    near, far = 0.07, -0.07
    parts = [
        *_leg(pose.legs[1], build, far),
        *_arm(pose.arms[1], build, far if not pose.turned else near),
        _torso(pose, build),
        *_leg(pose.legs[0], build, 0.02),
        *_head(pose),
        *_arm(pose.arms[0], build, near),
    ]
    return [*parts, *pose.gear]


def _torso(pose: Pose, build: Build) -> Limb:
    t = np.array([0.0, 0.25, 0.6, 0.88, 1.0])[:, None]
    width = 1.18 if pose.turned else 1.0
    radii = np.array([0.074, 0.068, 0.076, 0.07, 0.045]) * build.girth * width
    return Limb("torso", t * pose.neck, radii, 0.0)


def _head(pose: Pose) -> list[Limb]:
    along = pose.head - pose.neck
    up = along / np.hypot(*along)
    ahead = np.array([up[1], -up[0]])
    middle = pose.head
    skull = np.array([middle - 0.018 * up, middle + 0.022 * up])
    neck = np.array([pose.neck - 0.01 * up, middle - 0.03 * up])
    parts = [
        Limb("neck", neck, np.array([0.034, 0.03]), 0.0),
        Limb("face", skull, np.array([0.05, 0.056]), 0.03),
    ]
    if pose.turned:
        cap = np.array([middle - 0.024 * up, middle + 0.028 * up])
        return [*parts, Limb("hair", cap, np.array([0.05, 0.06]), 0.06)]
    hair = [middle - 0.03 * ahead - 0.022 * up, middle - 0.016 * ahead + 0.034 * up]
    hair.append(middle + 0.026 * ahead + 0.05 * up)
    eye = middle + 0.036 * ahead + 0.008 * up
    return [
        *parts,
        Limb("hair", np.array(hair), np.array([0.036, 0.046, 0.02]), 0.06),
        Limb("eye", np.array([eye, eye + 0.004 * up]), np.array([0.008, 0.008]), 0.12),
    ]


def _arm(points: Float64, build: Build, z: float) -> list[Limb]:
    shoulder, elbow, hand = points
    g = build.girth
    wrist = elbow + 0.8 * (hand - elbow)
    return [
        Limb("sleeve", np.array([shoulder, elbow]), np.array([0.042, 0.034]) * g, z),
        Limb("forearm", np.array([elbow, wrist]), np.array([0.031, 0.022]) * g, z),
        Limb("hand", np.array([wrist, hand]), np.array([0.026, 0.02]), z),
    ]


def _leg(points: Float64, build: Build, z: float) -> list[Limb]:
    hip, knee, ankle, toe = points
    g = build.girth
    return [
        Limb("thigh", np.array([hip, knee]), np.array([0.066, 0.047]) * g, z),
        Limb("shin", np.array([knee, ankle]), np.array([0.043, 0.028]) * g, z),
        Limb("shoe", np.array([ankle, toe]), np.array([0.032, 0.024]), z),
    ]


# --- poses ---------------------------------------------------------------------------------------


def climbing(rng: Rng, build: Build) -> Pose:
    """A climber on a wall, seen from behind: one arm up, one leg drawn up; mostly on a rope."""
    lean = rng.uniform(-14, 14)
    neck = 0.30 * _to(180 + lean)
    head = neck + 0.10 * _to(180 + lean + rng.uniform(-15, 15))
    side = int(rng.choice([-1, 1]))
    reach = _arm_of(neck, 0.075 * side, side * rng.uniform(140, 172), side * rng.uniform(160, 188))
    bent = _arm_of(neck, -0.075 * side, -side * rng.uniform(75, 130), -side * rng.uniform(160, 200))
    other = int(rng.choice([-1, 1]))
    high = _leg_of(0.04 * other, other * rng.uniform(60, 105), other * rng.uniform(-20, 15), other)
    low = _leg_of(-0.04 * other, -other * rng.uniform(6, 28), -other * rng.uniform(0, 16), -other)
    gear: tuple[Limb, ...] = ()
    if rng.random() < 0.7:
        top = np.array([rng.uniform(-0.08, 0.08), 1.4])
        rope = np.array([[0.0, 0.02], [0.02, 0.15], 0.5 * (neck + top), top])
        gear = (Limb("rope", rope, np.full(4, 0.011), 0.11),)
    return Pose(neck, head, (reach, bent), (high, low), True, gear)


def diving(rng: Rng, build: Build) -> Pose:
    """A diver stretched out, arms ahead or one pulling back, legs kicking; mostly with fins."""
    neck = 0.30 * _to(180 + rng.uniform(-6, 6))
    head = neck + 0.10 * _to(180 - rng.uniform(-5, 25))
    near = _arm_of(neck, 0.0, rng.uniform(158, 190), rng.uniform(165, 190))
    if rng.random() < 0.4:
        near = _arm_of(neck, 0.0, rng.uniform(40, 110), rng.uniform(20, 80))
    far = _arm_of(neck, 0.0, rng.uniform(160, 192), rng.uniform(168, 192))
    kick = rng.uniform(6, 26)
    ahead = _leg_of(0.0, kick, kick - rng.uniform(5, 30), 0, toe=10)
    behind = _leg_of(0.0, -kick * 0.8, -kick * 0.8 - rng.uniform(5, 35), 0, toe=-8)
    gear: tuple[Limb, ...] = ()
    if rng.random() < 0.7:
        gear = tuple(
            Limb(
                "fin",
                np.array([leg[3], leg[3] + 0.15 * _unit(leg[3] - leg[1])]),
                np.array([0.022, 0.046]),
                z,
                False,
                True,
            )
            for leg, z in ((ahead, 0.03), (behind, -0.06))
        )
    pose = Pose(neck, head, (near, far), (ahead, behind), False, gear)
    return _turned(pose, np.radians(rng.uniform(-160, -62)))


def fishing(rng: Rng, build: Build) -> Pose:
    """An upright angler, both hands ahead; mostly with a rod and its line."""
    lean = rng.uniform(0, 16)
    neck = 0.30 * _to(180 - lean)
    head = neck + 0.10 * _to(180 - lean + rng.uniform(-12, 8))
    near = _arm_of(neck, 0.0, rng.uniform(15, 50), rng.uniform(75, 115))
    far = _arm_of(neck, 0.0, rng.uniform(20, 60), rng.uniform(75, 120))
    step = rng.uniform(3, 14)
    ahead = _leg_of(0.0, step, step - rng.uniform(0, 10), 1)
    behind = _leg_of(0.0, -step, -step - rng.uniform(0, 12), 1)
    gear: tuple[Limb, ...] = ()
    if rng.random() < 0.7:
        hand, angle = near[2], rng.uniform(115, 155)
        tip = hand + rng.uniform(0.55, 0.75) * _to(angle)
        rod = np.array([hand - 0.1 * _to(angle), hand, tip])
        line = np.array([tip, tip - [rng.uniform(-0.05, 0.1), rng.uniform(0.5, 0.9)]])
        gear = (
            Limb("rod", rod, np.array([0.012, 0.011, 0.007]), 0.13),
            Limb("line", line, np.array([0.005, 0.005]), 0.13),
        )
    return Pose(neck, head, (near, far), (ahead, behind), False, gear)


POSES: dict[str, Callable[[Rng, Build], Pose]] = {
    "climbing": climbing,
    "diving": diving,
    "fishing": fishing,
}


def _arm_of(neck: Float64, aside: float, upper: float, lower: float) -> Float64:
    shoulder = 0.9 * neck + [aside, 0.0]
    elbow = shoulder + 0.17 * _to(upper)
    return np.array([shoulder, elbow, elbow + 0.19 * _to(lower)])


def _leg_of(aside: float, thigh: float, shin: float, ahead: int, *, toe: float = 90) -> Float64:
    hip = np.array([aside, 0.0])
    knee = hip + 0.25 * _to(thigh)
    ankle = knee + 0.24 * _to(shin)
    foot = _to(shin + toe) if ahead == 0 else _to(shin + 80 * ahead)
    return np.array([hip, knee, ankle, ankle + 0.065 * foot])


def _turned(pose: Pose, angle: float) -> Pose:
    """The pose rotated around the hips by ``angle`` in radians, counter-clockwise."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s], [-s, c]])
    gear = tuple(Limb(g.kind, g.points @ turn, g.radii, g.z, g.far, g.flat_end) for g in pose.gear)
    arms = (pose.arms[0] @ turn, pose.arms[1] @ turn)
    legs = (pose.legs[0] @ turn, pose.legs[1] @ turn)
    return Pose(pose.neck @ turn, pose.head @ turn, arms, legs, pose.turned, gear)


def _to(angle: float) -> Float64:
    """The unit vector at ``angle`` degrees from straight down, positive forwards."""
    a = np.radians(angle)
    return np.array([np.sin(a), -np.cos(a)])


def _unit(vector: Float64) -> Float64:
    return vector / np.hypot(*vector)
