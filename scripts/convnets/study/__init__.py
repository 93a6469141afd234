"""The study: variants, comparisons, claims, and where runs are tracked; checked and resolved. Knows runs and all below."""
