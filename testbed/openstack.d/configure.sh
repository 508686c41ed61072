# How each service is configured. Sourced.

auth() { # how a service signs in to keystone
  cat <<EOF
auth_type = password
auth_url = http://$IP:5000
username = service
password = $PASS
project_name = service
user_domain_id = default
project_domain_id = default
region_name = $REGION
EOF
}

conf() { # conf SERVICE: the part all services share, then what follows on stdin
  mkdir -p "$home/etc/$1" "$home/$1"
  { cat <<EOF
[DEFAULT]
transport_url = rabbit://guest:guest@$IP:$MQ_PORT/
state_path = $home/$1
host = testbed
use_stderr = true
[database]
connection = mysql+pymysql://openstack:$PASS@$IP:$DB_PORT/$1?charset=utf8
[oslo_concurrency]
lock_path = $home/$1/lock
[oslo_messaging_notifications]
driver = noop
[keystone_authtoken]
www_authenticate_uri = http://$IP:5000
service_token_roles = service
service_token_roles_required = true
$(auth)
EOF
    cat; } >"$home/etc/$1/$1.conf"
}

write_configs() {
  conf keystone <<EOF
[token]
provider = fernet
[fernet_tokens]
key_repository = $home/keystone/fernet
[fernet_receipts]
key_repository = $home/keystone/fernet
[credential]
key_repository = $home/keystone/credential
[identity]
password_hash_rounds = 4
[cache]
enabled = true
backend = dogpile.cache.memory
EOF
  conf placement <<EOF
[placement_database]
connection = mysql+pymysql://openstack:$PASS@$IP:$DB_PORT/placement?charset=utf8
EOF
  conf glance <<EOF
[DEFAULT]
bind_host = $IP
workers = 0
limit_param_default = $PAGE
api_limit_max = $PAGE
node_staging_uri = file://$home/glance/staging
[paste_deploy]
flavor = keystone
config_file = $home/paste/glance-common/usr/share/glance-common/glance-api-paste.ini
[glance_store]
filesystem_store_datadir = $home/glance/images
EOF
  conf nova <<EOF
[DEFAULT]
my_ip = $IP
compute_driver = fake.FakeDriver
enabled_apis = osapi_compute
osapi_compute_listen = $IP
osapi_compute_workers = 1
allow_resize_to_same_host = true
periodic_fuzzy_delay = 0
[api]
max_limit = $PAGE
[api_database]
connection = mysql+pymysql://openstack:$PASS@$IP:$DB_PORT/nova_api?charset=utf8
[wsgi]
api_paste_config = $home/paste/nova-common/usr/share/nova-common/api-paste.ini
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 5
[vnc]
server_listen = $IP
[glance]
api_servers = http://$IP:9292
[service_user]
send_service_user_token = true
$(auth)
[placement]
$(auth)
[neutron]
$(auth)
[cinder]
$(auth)
EOF
  conf neutron <<EOF
[DEFAULT]
bind_host = $IP
core_plugin = ml2
service_plugins = testbed_neutron.Router
api_workers = 0
pagination_max_limit = $PAGE
rpc_workers = 0
rpc_state_report_workers = 0
api_paste_config = $home/paste/neutron-common/usr/share/neutron-common/api-paste.ini
dhcp_agent_notification = false
[nova]
$(auth)
[ml2]
type_drivers = flat,vxlan
tenant_network_types = vxlan
mechanism_drivers = testbed
extension_drivers = port_security
[ml2_type_flat]
flat_networks = public
[ml2_type_vxlan]
vni_ranges = 1:1000
EOF
  conf cinder <<EOF
[DEFAULT]
my_ip = $IP
osapi_volume_listen = $IP
osapi_volume_workers = 1
osapi_max_limit = $PAGE
api_paste_config = $home/paste/cinder-common/usr/share/cinder-common/api-paste.ini
resource_query_filters_file = $home/paste/cinder-common/etc/cinder/resource_filters.json
enabled_backends = fake
glance_api_servers = http://$IP:9292
[fake]
volume_driver = testbed_cinder.Volume
volume_backend_name = fake
[coordination]
backend_url = file://$home/cinder
[service_user]
send_service_user_token = true
$(auth)
[nova]
$(auth)
EOF
  conf octavia <<EOF
[api_settings]
auth_strategy = keystone
pagination_max_limit = $PAGE
enabled_provider_drivers = amphora:fake appliances,octavia:alias of amphora
[oslo_messaging]
topic = octavia
[service_auth]
$(auth)
[certificates]
cert_manager = local_cert_manager
cert_generator = local_cert_generator
ca_certificate = $home/octavia/ca.pem
ca_private_key = $home/octavia/ca.key
server_certs_key_passphrase = insecure-key-do-not-use-this-key
[controller_worker]
workers = 1
client_ca = $home/octavia/ca.pem
amphora_driver = amphora_noop_driver
compute_driver = compute_noop_driver
network_driver = testbed
image_driver = image_noop_driver
volume_driver = volume_noop_driver
distributor_driver = distributor_noop_driver
amp_flavor_id = 1
amp_boot_network_list = 00000000-0000-0000-0000-000000000001
EOF
}
