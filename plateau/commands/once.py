"""A command whose options are given once: of two values the last would win in silence."""

from typing import Any

from typer.core import TyperCommand, TyperOption


class Command(TyperCommand):
    """A command that refuses an option which is given twice and takes one value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments."""
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for one in given:
            single = isinstance(one, TyperOption) and not (one.multiple or one.is_flag)
            if single and (times := given.count(one)) > 1:
                ctx.fail(f"{max(one.opts, key=len)} takes one value and is given {times} times")
        return super().parse_args(ctx, args)
