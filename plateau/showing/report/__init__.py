"""Reports of scans: one HTML page that needs no network, and a summary in Markdown."""

from plateau.showing.report.markdown import markdown as markdown
from plateau.showing.report.page import html as html
