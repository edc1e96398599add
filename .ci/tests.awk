# Shortens the output of go test -v: one line for each package, the log of a package that fails, and at the end the tests
# that were skipped, by reason. go test writes the log of a package in one piece, between its first === and a last line that
# begins with ok, FAIL or ?.

/^=== (RUN|NAME|CONT) / { test = $3 }
/^=== / { running = 1; next }

# The message of a test is indented and begins with a place: "    x_test.go:7: needs Slurm".
/^ +[^ ]+\.go:[0-9]+: / {
	why[test] = $0
	sub(/^ +[^ ]+\.go:[0-9]+: /, "", why[test])
}
/^ *--- SKIP: / {
	reason = why[$3] == "" ? "no reason given" : why[$3]
	if (!(reason in names)) {
		order[++reasons] = reason
	}
	names[reason] = names[reason] " " $3
	skipped++
}
/^ *--- (PASS|SKIP): / { next }

/^(ok|\?)  +\t/ {
	print
	forget()
	next
}
/^FAIL\t/ {
	for (i = 1; i <= lines; i++) {
		print kept[i]
	}
	print
	forget()
	failed++
	next
}
!running && $0 != "FAIL" { print } # go itself has something to say, such as why a package does not build
running { kept[++lines] = $0 }

function forget() {
	fflush() # what a reader waits for is not held back
	lines = running = 0
	delete kept
	delete why
}

END {
	printf "\n%d packages failed, %d tests were skipped\n", failed, skipped
	for (i = 1; i <= reasons; i++) {
		printf "  %s:\n    %s\n", order[i], substr(names[order[i]], 2)
	}
}
