"""What Prometheus is told, and where.

`counting` counts what happens, as it happens. `scene` keeps hold, at a scrape, of what is there anyway: conf.d, health,
and what the last round read. `of_services`, `of_load`, `of_program`, `of_receivers` and `compat` put that into families
of samples, `family` into text, `exposition` into an answer, which `listeners` gives. A scrape never asks the kernel.

Labels are chosen for directors of 1,000 services and 10,000 servers, because every series is stored for weeks:
- a server's series have `service`, `pool` and `server`; where a service listens and what schedules it stands in
  lvsctl_service_info, to be joined by `service`;
- transitions are counted by service, not by server: which server it was tells lvsctl_server_up;
- answers and their durations are counted by kind of check: one question may be asked for many services, and a
  histogram of each server's durations would be 150,000 series. lvsctl_server_check_latency_seconds is the last one's.
"""
