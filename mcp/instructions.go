package mcp

// instructions are read by every assistant that connects, before its first call. Clients cut them at
// about 2 KB.
const instructions = `Ordinaut does work on time and unattended, and keeps what happened. A task is a schedule and a pipeline of steps; every execution of it is a run.

To schedule something:
1. list_actions shows what a step can use; with name, that action's input and output schema.
2. preview_schedule with phrase ("every weekday at 8:30") and the person's timezone (the default is UTC) says in words and times what it means, or asks; with schedule, any other kind.
3. create_task with that preview_id makes exactly what was shown; run_now with wait_seconds 15 tries it at once and answers with each step's result.

To look after it: list_tasks, list_runs and get_run (detail full shows inputs and outputs); explain_task says why a task did or did not run, and what puts it right; update_task changes only the keys you give; pause_task (with until) and resume_task; snooze_task puts off the next time; set_calendar keeps holidays that schedules observe; backfill_task makes up for past ones; cancel_run; retry_run goes on with a run that failed; list_approvals shows what runs ask a person (approval.request), and decide_approval tells them the answer; get_status says whether Ordinaut itself is well.

A pipeline, for example:
[{"id": "weather", "uses": "http.request", "with": {"url": "https://api.example.com/forecast", "query": {"city": "${params.city}"}}},
 {"id": "tell", "uses": "chat.send", "if": "steps.weather.body.rain", "with": {"text": "Take an umbrella: ${steps.weather.body.summary}"}}]
Texts in with may hold ${expression} (JMESPath) over params, steps, event, run, task and now; if and expect are bare expressions. A text that is one ${...} keeps the value's type.

An error answer has code, message, pointer (the argument at fault) and example: correct that argument and call again. When an answer got lost, repeat the call with the same idempotency_key: it is done once.`
