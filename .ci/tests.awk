# Shortens the output of go test -v: one line for each package, what the failing tests of a package logged, and at the end
# the tests that were skipped, by reason. go test writes the log of a package in one piece, between its first === and a last
# line that begins with ok, FAIL or ?.

/^=== (RUN|NAME|CONT) / { test = $3 }
/^=== / { running = 1; next }

# The message of a test is indented and begins with a place: "    x_test.go:7: needs Slurm".
/^ +[^ ]+\.go:[0-9]+: / {
	why[test] = $0
	sub(/^ +[^ ]+\.go:[0-9]+: /, "", why[test])
}
/^ *--- SKIP: / {
	reason = why[$3] == "" ? "no reason given" : why[$3]
	if (!(reason in count)) {
		order[++reasons] = reason
	}
	if (++count[reason] <= 4) {
		names[reason] = names[reason] " " $3
	}
	skipped++
}
/^ *--- (PASS|SKIP): / { next }
/^ *--- FAIL: / { bad[$3] = 1; test = $3 }
/^(panic|fatal error): / { crashed = 1 } # what follows belongs to no test

/^(ok|\?)  +\t/ {
	print
	forget()
	next
}
/^FAIL\t/ {
	any = 0
	for (name in bad) {
		any = 1
	}
	for (i = 1; i <= lines; i++) {
		if (!any || owner[i] == "" || owner[i] in bad) {
			print kept[i]
		}
	}
	print
	forget()
	failed++
	next
}
!running && $0 != "FAIL" { print } # go itself has something to say, such as why a package does not build
running {
	kept[++lines] = $0
	owner[lines] = crashed ? "" : test
}

function forget() {
	fflush() # what a reader waits for is not held back
	lines = running = crashed = 0
	test = ""
	delete kept
	delete owner
	delete bad
	delete why
}

END {
	printf "\n%d packages failed, %d tests were skipped\n", failed, skipped
	for (i = 1; i <= reasons; i++) {
		more = count[order[i]] > 4 ? sprintf(" and %d more", count[order[i]] - 4) : ""
		printf "  %s:\n    %s%s\n", order[i], substr(names[order[i]], 2), more
	}
}
