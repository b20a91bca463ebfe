/* Datagrams from both CPUs over three servers of one weight, one server below them: the kernel's counts of each. */
#include "ipvs.h"

#define PORT 53
#define EACH 30000	/* datagrams from each CPU; both together a multiple of the servers */

static service_t to;
static atomic_uint refused;

static void *sender(void *cpu)
{
	int by = udp(0);

	pin((intptr_t)cpu);
	for (int number = 0; number < EACH; number++)
		refused += !send_one(by, &to, 0);
	return NULL;
}

int main(void)
{
	pthread_t thread[2];

	udp(PORT);
	to = service(IPPROTO_UDP, PORT, "hprio", ONE_PACKET);
	must(change_service(IP_VS_SO_SET_ADD, &to), "service");
	for (int number = 1; number <= 4; number++) {
		server_t made = server(&to, number, number < 4 ? 5 : 1, 0, 0);

		must(change_server(IP_VS_SO_SET_ADDDEST, &to, &made), "server");
	}
	for (intptr_t cpu = 0; cpu < 2; cpu++)
		pthread_create(&thread[cpu], NULL, sender, (void *)cpu);
	for (int cpu = 0; cpu < 2; cpu++)
		pthread_join(thread[cpu], NULL);

	uint32_t count = scheduled(&to, 2 * EACH - refused);
	struct ip_vs_get_dests *seen = look(&to, 4);

	printf("sent=%d refused=%u scheduled=%u\n", 2 * EACH, refused, count);
	for (uint32_t number = 0; number < seen->num_dests; number++) {
		struct ip_vs_dest_entry *one = &seen->entrytable[number];

		printf("server%d=%u\n", ntohl(one->addr) & 0xff, one->stats.conns);
	}
	return 0;
}
