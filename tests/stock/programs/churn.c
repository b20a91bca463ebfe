/*
 * Traffic of every kind from both CPUs while the table is edited as fast as it goes: without switching the scheduler,
 * then with, then the services are deleted and the module is removed under the same traffic.
 *
 * Each service has a spillover server, without thresholds, that nobody touches: there is always a server available.
 */
#include <sys/syscall.h>

#include "traffic.h"

#define QUIET 7		/* s of edits alone */
#define SWITCHING 4	/* s of edits with switches */
#define SERVERS 6

static service_t services[3];
static bool present[3][SERVERS + 1];
static uint64_t seed = 0x2545f4914f6cdd1d;
static uint32_t edits, odd, switches;

/* A real server as it may be: weight 0 to 5, thresholds low enough to be reached, rarely none. */
static server_t any_server(int of, int number)
{
	uint32_t upper = draw(&seed, 16) ? draw(&seed, 8) + 1 : 0;
	uint32_t lower = upper && draw(&seed, 2) ? draw(&seed, upper + 1) : 0;

	return server(&services[of], number, draw(&seed, 6), upper, lower);
}

static void edit(void)
{
	int of = draw(&seed, 3), number = draw(&seed, SERVERS) + 1;
	bool *is = &present[of][number];
	server_t to = any_server(of, number);
	int how = *is ? draw(&seed, 4) ? IP_VS_SO_SET_EDITDEST : IP_VS_SO_SET_DELDEST : IP_VS_SO_SET_ADDDEST;

	odd += change_server(how, &services[of], &to) != 0;
	if (how != IP_VS_SO_SET_EDITDEST)
		*is = !*is;
	edits++;
}

static void switch_scheduler(void)
{
	int of = draw(&seed, 3);
	service_t *to = &services[of];

	strcpy(to->sched_name, strcmp(to->sched_name, "rr") ? "rr" : "hprio");
	odd += change_service(IP_VS_SO_SET_EDIT, to) != 0;
	switches++;
}

static void phase(const char *name, int seconds, bool switching)
{
	int64_t end = now_us() + seconds * 1000000LL;

	edits = switches = 0;
	start_traffic();
	while (now_us() < end) {
		edit();
		if (switching && !(edits % 200))
			switch_scheduler();
	}
	stop_traffic();
	printf("%s_edits=%u %s_switches=%u %s_odd=%u\n", name, edits, name, switches, name, odd);
	print_traffic(name);
}

/* What the spillover server got since the service was made. */
static uint32_t spilled(int of)
{
	struct ip_vs_get_dests *seen = look(&services[of], SERVERS + 1);
	server_t spillover = server(&services[of], 0, 1, 0, 0);
	uint32_t got = 0;

	for (uint32_t number = 0; number < seen->num_dests; number++)
		if (seen->entrytable[number].addr == spillover.addr)
			got = seen->entrytable[number].stats.conns;
	free(seen);
	return got;
}

static void removal(void)
{
	int error, tries = 0;

	start_traffic();
	usleep(200000);
	for (int of = 0; of < 3; of++)
		must(change_service(IP_VS_SO_SET_DEL, &services[of]), "deletion");
	while ((error = syscall(SYS_delete_module, "ip_vs_hprio", O_NONBLOCK) ? errno : 0) && tries++ < 100)
		usleep(10000);
	usleep(200000);
	stop_traffic();
	printf("removal_error=%d removal_tries=%d\n", error, tries + 1);
}

int main(void)
{
	/*
	 * With its last service IPVS leaves the packet path, for which the kernel rewrites its own code; an emulated
	 * processor that runs this very code may go on with what was there (qemu 7.2: both CPUs in ip_local_deliver
	 * for ever). That is not what this is about: one service, without traffic, stays.
	 */
	service_t stays = service(IPPROTO_UDP, 9, "rr", 0);

	services[0] = service(IPPROTO_UDP, PACKET_PORT, "hprio", ONE_PACKET);
	services[1] = service(IPPROTO_UDP, FLOW_PORT, "hprio", 0);
	services[2] = service(IPPROTO_TCP, TCP_PORT, "hprio", 0);
	udp_timeout(1);
	must(change_service(IP_VS_SO_SET_ADD, &stays), "service");
	for (int of = 0; of < 3; of++) {
		server_t spillover = server(&services[of], 0, 1, 0, 0);

		must(change_service(IP_VS_SO_SET_ADD, &services[of]), "service");
		must(change_server(IP_VS_SO_SET_ADDDEST, &services[of], &spillover), "spillover server");
	}
	prepare_traffic();
	phase("quiet", QUIET, false);
	printf("quiet_scheduled=%u\n", scheduled(&services[0], packets_accepted()));
	for (int of = 0; of < 3; of++)
		printf("spilled%d=%u\n", of, spilled(of));
	phase("switching", SWITCHING, true);
	removal();
	return 0;
}
