package progress

// Late returns a function that reports how many items of a task are done, and one that ends the task. The task starts with
// the first report, so that nothing is shown for work that turns out to be done already.
func Late(r Reporter, label string) (report func(done, total int), end func()) {
	var task Task
	reported := 0
	report = func(done, total int) {
		if task == nil {
			task = r.Start(label, int64(total), Items)
		}
		task.Add(int64(done - reported))
		reported = done
	}
	return report, func() {
		if task != nil {
			task.Done()
		}
	}
}
