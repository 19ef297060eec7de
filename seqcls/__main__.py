"""`python -m seqcls` is the `seqcls` command."""

from seqcls.cli import main

raise SystemExit(main())
