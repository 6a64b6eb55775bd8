"""What we do about it: the Faust app, alert delivery, boards, ledger, web, command line."""
