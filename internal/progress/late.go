package progress

// Late returns a function that shows how far a task of items is, and one that ends it. The task begins with the first
// report, so that work which turns out to be done already shows nothing.
func Late(r Reporter, label string) (report func(done, total int), end func()) {
	var task Task
	shown := 0
	report = func(done, total int) {
		if task == nil {
			task = r.Start(label, int64(total), Items)
		}
		task.Add(int64(done - shown))
		shown = done
	}
	return report, func() {
		if task != nil {
			task.Done()
		}
	}
}
