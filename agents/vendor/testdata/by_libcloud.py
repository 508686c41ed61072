"""Measures what Apache Libcloud takes for the operations of the mediation tests, and prints a JSON object for each.

    by_libcloud.py CLOUD RUNS
"""
import json
import sys
import time

from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState, Provider

LOOK_EVERY = 0.05


def openstack():
    return get_driver(Provider.OPENSTACK)(
        "demo", "testbed", ex_force_auth_version="3.x_password", ex_force_auth_url="http://127.0.0.1:5000",
        ex_force_service_region="RegionOne", ex_tenant_name="demo", ex_domain_name="Default")


def main(cloud, runs):
    driver = {"openstack": openstack}[cloud]()
    took = {}

    def timed(operation, do):
        began = time.monotonic()
        result = do()
        took.setdefault(operation, []).append(time.monotonic() - began)
        return result

    def until(node, state):
        while driver.ex_get_node_details(node.id).state != state:
            time.sleep(LOOK_EVERY)

    def gone(node):
        while driver.ex_get_node_details(node.id) is not None:
            time.sleep(LOOK_EVERY)

    def create():
        node = driver.create_node(name="libcloud", size=size, image=image, networks=[network])
        until(node, NodeState.RUNNING)
        return node

    def change(act, node, state):
        act(node)
        until(node, state)

    image = next(one for one in driver.list_images() if one.name == "tiny")
    size = next(one for one in driver.list_sizes() if one.ram >= 512)
    network = next(one for one in driver.ex_list_networks() if one.name == "private")
    for _ in range(runs):
        timed("list-hardware-profiles", driver.list_sizes)
        timed("list-images", driver.list_images)
        node = timed("create-instance", create)
        timed("list-instances", driver.list_nodes)
        timed("show-instance", lambda: driver.ex_get_node_details(node.id))
        timed("stop-instance", lambda: change(driver.ex_stop_node, node, NodeState.STOPPED))
        timed("start-instance", lambda: change(driver.ex_start_node, node, NodeState.RUNNING))
        timed("reboot-instance", lambda: change(driver.reboot_node, node, NodeState.RUNNING))
        timed("delete-instance", lambda: (driver.destroy_node(node), gone(node)))
    for operation, seconds in took.items():
        print(json.dumps({"operation": operation, "seconds": seconds}), flush=True)


main(sys.argv[1], int(sys.argv[2]))
