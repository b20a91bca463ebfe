# All of 10/8 is this guest: the service address, the real servers, most clients. One client is a host behind an
# interface, whose packets are taken in by the second CPU, wherever they were sent from.
ip route add local 10.0.0.0/8 dev lo
ip netns add host
ip link add v0 type veth peer name v1 netns host
ip addr add 192.168.7.1/24 dev v0
ip link set v0 up
ip -n host addr add 192.168.7.2/24 dev v1
ip -n host link set v1 up
ip -n host route add default via 192.168.7.1
echo 2 >/sys/class/net/v0/queues/rx-0/rps_cpus
modprobe ip_vs
sysctl -q -w net.ipv4.icmp_ratelimit=0 net.ipv4.vs.expire_nodest_conn=1
