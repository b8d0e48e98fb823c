"""The rubric language as typed, frozen models: what `rubrics/official/*/*.yaml` may say.

`base` shared strictness and names · `expressions` values and conditions · `rules` the closed set
of rule types · `rubric` header, sections, items. The reference with examples is docs/rubrics.md.
"""

from rubrics.model.rubric import Rubric, RubricFile

__all__ = ["Rubric", "RubricFile"]
