# The services of OpenStack: how each one's database comes about and its daemons start. Sourced.

sql() { mariadb -uroot -S "$home/run/db.sock" "$@"; }

start_backends() {
  if [[ ! -d $home/db ]]; then
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$home/db" --skip-test-db --auth-root-authentication-method=normal >>"$home/log/db.log" 2>&1
  fi
  start db mariadbd --no-defaults --user="$(id -un)" --datadir="$home/db" --socket="$home/run/db.sock" --pid-file="$home/run/db.own.pid" \
    --bind-address=$IP --port=$DB_PORT --skip-name-resolve --skip-log-bin --innodb-flush-log-at-trx-commit=0 --max-connections=1000 \
    --innodb-doublewrite=0 --innodb-flush-method=nosync --innodb-buffer-pool-size=64M --performance-schema=0
  mkdir -p "$home/mq"
  start epmd epmd -address $IP -port $EPMD_PORT
  start mq $CLEAN HOME="$home/mq" RABBITMQ_NODENAME=testbed@localhost \
    RABBITMQ_NODE_IP_ADDRESS=$IP RABBITMQ_NODE_PORT=$MQ_PORT RABBITMQ_DIST_PORT=$MQ_DIST_PORT ERL_EPMD_ADDRESS=$IP ERL_EPMD_PORT=$EPMD_PORT \
    RABBITMQ_MNESIA_BASE="$home/mq/data" RABBITMQ_LOG_BASE="$home/log/mq" RABBITMQ_ENABLED_PLUGINS_FILE="$home/mq/plugins" \
    RABBITMQ_CONFIG_FILE="$home/mq/rabbitmq" RABBITMQ_PID_FILE="$home/run/mq.own.pid" RABBITMQ_CONF_ENV_FILE="$home/mq/env" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none" /usr/lib/rabbitmq/bin/rabbitmq-server
  wait_for db sql -e 'select 1'
  sql -e "grant all on *.* to openstack@'$IP' identified by '$PASS'"
  for d in keystone glance placement nova nova_api nova_cell0 neutron cinder octavia; do echo "create database if not exists $d character set utf8;"; done | sql
}

bootstrap_keystone() {
  local m="py keystone-manage keystone.cmd.manage --config-file $home/etc/keystone/keystone.conf" d k
  for d in fernet credential; do
    mkdir -p -m 700 "$home/keystone/$d"
    for k in 0 1; do head -c 32 /dev/urandom | base64 | tr '+/' '-_' >"$home/keystone/$d/$k"; done
  done
  $m db_sync && $m bootstrap --bootstrap-password $PASS --bootstrap-region-id $REGION \
    --bootstrap-{public,internal,admin}-url=http://$IP:5000/v3
}
start_keystone() {
  db_sync keystone bootstrap_keystone
  wsgi keystone 5000 'keystone.server.wsgi:initialize_public_application()' OS_KEYSTONE_CONFIG_DIR="$home/etc/keystone"
  wait_for keystone http 5000
  seed identity
}
start_glance() {
  local c="--config-file $home/etc/glance/glance.conf"
  db_sync glance py glance-manage glance.cmd.manage $c db_sync
  serve glance glance.cmd.api $c
}
start_placement() {
  db_sync placement py placement-manage placement.cmd.manage --config-file "$home/etc/placement/placement.conf" db sync
  wsgi placement 8778 'placement.wsgi:init_application()' OS_PLACEMENT_CONFIG_DIR="$home/etc/placement"
}
sync_nova() {
  local m="py nova-manage nova.cmd.manage --config-file $home/etc/nova/nova.conf" db=mysql+pymysql://openstack:$PASS@$IP:$DB_PORT
  $m api_db sync && $m cell_v2 map_cell0 --database_connection "$db/nova_cell0?charset=utf8" && $m db sync &&
    { $m cell_v2 list_cells | grep -q cell1 || $m cell_v2 create_cell --name cell1; }
}
start_nova() {
  local c="--config-file $home/etc/nova/nova.conf"
  db_sync nova sync_nova
  serve nova-conductor nova.cmd.conductor $c
  serve nova-scheduler nova.cmd.scheduler $c
  serve nova-compute testbed_nova $c
  serve nova-api nova.cmd.api $c
}
start_neutron() {
  local c="--config-file $home/etc/neutron/neutron.conf"
  db_sync neutron py neutron-db-manage neutron.db.migration.cli $c upgrade heads
  serve neutron neutron.cmd.eventlet.server $c
}
start_cinder() {
  local c="--config-file $home/etc/cinder/cinder.conf"
  db_sync cinder py cinder-manage cinder.cmd.manage $c db sync
  serve cinder-scheduler cinder.cmd.scheduler $c
  serve cinder-volume cinder.cmd.volume $c
  serve cinder-api cinder.cmd.api $c
}
start_octavia() {
  local c="--config-file $home/etc/octavia/octavia.conf"
  [[ -e $home/octavia/ca.pem ]] || openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=testbed -days 3650 \
    -keyout "$home/octavia/ca.key" -out "$home/octavia/ca.pem" 2>/dev/null
  db_sync octavia py octavia-db-manage octavia.db.migration.cli $c upgrade head
  serve octavia-worker testbed_octavia $c
  wsgi octavia 9876 'octavia.api.app:setup_app()' X=1 "$c"
}

