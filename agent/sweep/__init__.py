"""Which addresses of the school's own subnets answer: gentle, listed subnets only, counts only."""
