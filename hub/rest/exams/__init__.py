"""REST for exams: details, questions, policies, rosters and permissions."""
