# Shortens the output of go test -v: one line a package, the log of a package that fails, and at the end the tests that
# were skipped, by reason. The log of a package is in one piece, and its last line begins with ok, FAIL or ?.

/^=== (RUN|NAME|CONT) / { test = $3 }
/^=== / { next }

# The message of a test is indented and begins with a place, such as x_test.go:7: needs Slurm.
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
/^(ok|\?) .*[[:space:]]/ {
	print
	forget()
	next
}
/^FAIL\t/ {
	for (i = 1; i <= lines; i++) {
		print log_[i]
	}
	print
	forget()
	failed++
	next
}
!/^ *--- (PASS|SKIP): / { log_[++lines] = $0 }

function forget() {
	lines = 0
	delete log_
	delete why
}

END {
	for (i = 1; i <= lines; i++) { # what belongs to no package: go itself has something to say
		if (log_[i] != "FAIL") print log_[i]
	}
	printf "\n%d packages failed, %d tests were skipped\n", failed, skipped
	for (i = 1; i <= reasons; i++) {
		printf "  %s:\n    %s\n", order[i], substr(names[order[i]], 2)
	}
}
