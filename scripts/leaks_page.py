"""The page of leaks: what each kind is, and what to do about it."""

from tierra.model.leaks.finding import MEANINGS, REMEDIES


def render_leaks_page(template: str) -> str:
    """The page with the table of kinds in the place of {{ kinds }}."""
    rows = [f"| `{kind}` | {meaning} | {REMEDIES[kind][0].upper()}{REMEDIES[kind][1:]} |"
            for kind, meaning in MEANINGS.items()]  # fmt: skip
    return template.replace("{{ kinds }}", "\n".join(["| leak | what it is | what to do |", "|---|---|---|", *rows]))
