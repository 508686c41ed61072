"""Creates in the testbed what is missing: users and endpoints (identity), or flavors, an image and networks (resources)."""
import os, sys, time, warnings
warnings.simplefilter('ignore')
import openstack
cloud = openstack.connect(cloud='testbed-admin')
services, password, ip = os.environ['SERVICES'].split(), os.environ['PASS'], os.environ['IP']

def identity():
    keystone = cloud.identity
    roles = {r.name: r for r in keystone.roles()}
    for name in ('service', 'load-balancer_member'):
        roles[name] = roles.get(name) or keystone.create_role(name=name)
    member = ['member', 'load-balancer_member']
    for name, grants in (('service', ['admin', 'service']), ('demo', member), ('suite', member)):
        project = keystone.find_project(name) or keystone.create_project(name=name, domain_id='default')
        user = keystone.find_user(name) or keystone.create_user(
            name=name, password=password, domain_id='default', default_project_id=project.id)
        for role in grants:
            keystone.assign_project_role_to_user(project, user, roles[role])
    catalog = [('image', 'glance', '9292'), ('placement', 'placement', '8778'), ('compute', 'nova', '8774/v2.1'),
               ('network', 'neutron', '9696'), ('volumev3', 'cinder', '8776/v3/%(project_id)s'),
               ('load-balancer', 'octavia', '9876')]
    known = {s.type for s in keystone.services()}
    for kind, name, path in catalog:
        if kind not in known and name in ['glance', 'placement'] + services:
            service = keystone.create_service(type=kind, name=name)
            for interface in ('public', 'internal', 'admin'):
                keystone.create_endpoint(service_id=service.id, interface=interface, region_id=cloud.config.region_name,
                                         url='http://%s:%s' % (ip, path))

def resources():
    if not cloud.image.find_image('tiny'):
        cloud.image.create_image(name='tiny', data=b'\0' * 1024 * 1024, disk_format='raw', container_format='bare',
                                 visibility='public', min_disk=1, validate_checksum=False)
    if 'nova' in services:
        for name, cpus, memory, disk in (('m1.small', 1, 2048, 20), ('m1.medium', 2, 4096, 40), ('m1.large', 4, 8192, 80)):
            if not cloud.compute.find_flavor(name):
                cloud.compute.create_flavor(name=name, vcpus=cpus, ram=memory, disk=disk)
    if 'neutron' in services:
        net = cloud.network
        if not net.find_network('public'):
            public = net.create_network(name='public', is_router_external=True, provider_network_type='flat',
                                        provider_physical_network='public')
            net.create_subnet(network_id=public.id, name='public', ip_version=4, cidr='203.0.113.0/24', is_dhcp_enabled=False)
        for user in ('testbed', 'testbed-suite'):
            network = openstack.connect(cloud=user).network
            if not any(network.networks(name='private')):
                private = network.create_network(name='private')
                subnet = network.create_subnet(network_id=private.id, name='private', ip_version=4, cidr='10.0.0.0/24')
                router = network.create_router(
                    name='router', external_gateway_info={'network_id': network.find_network('public').id})
                network.add_interface_to_router(router, subnet_id=subnet.id)
    deadline = time.time() + 120
    while 'nova' in services and not list(cloud.compute.hypervisors()):
        if time.time() > deadline:
            sys.exit('no hypervisor reported in')
        time.sleep(1)

globals()[sys.argv[1]]()
