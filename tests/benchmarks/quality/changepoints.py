"""F1 and covering of change points, as the Turing Change Point Dataset defines them.

Van den Burg and Williams, arXiv 2003.06222: index 0 is a change point of everybody; precision
against the union of all annotators, recall as the mean over them; each true point is matched with
at most one found.
"""

from itertools import pairwise


def matched(truth, found, margin):
    """How many true points have a found one of their own within the margin."""
    left, count = set(found), 0
    for point in sorted(truth):
        near = [(abs(point - other), other) for other in left if abs(point - other) <= margin]
        if near:
            left.remove(min(near)[1])
            count += 1
    return count


def f1(annotations, found, margin):
    """Harmonic mean of precision and recall."""
    people, found = [{0, *points} for points in annotations], {0, *found}
    precision = matched(set().union(*people), found, margin) / len(found)
    recall = sum(matched(points, found, margin) / len(points) for points in people) / len(people)
    return 2 * precision * recall / (precision + recall)


def segments(points, n):
    """Segments of n samples cut at the points."""
    bounds = [0, *sorted(set(points) - {0}), n]
    return list(pairwise(bounds))


def jaccard(one, other):
    """Overlap of two segments over their union."""
    overlap = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return overlap / (one[1] - one[0] + other[1] - other[0] - overlap)


def covering(annotations, found, n):
    """Share of the annotators' segments that the found ones cover, mean over the annotators."""
    parts = segments(found, n)
    covers = [
        sum((b - a) * max(jaccard((a, b), part) for part in parts) for a, b in segments(points, n))
        for points in annotations
    ]
    return sum(covers) / len(covers) / n
