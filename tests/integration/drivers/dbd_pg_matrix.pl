# DBD::Pg in the driver matrix: perl dbd_pg_matrix.pl PORT USER PASSWORD DATABASE
# WORKERS VARIANT. One process per worker; statements are prepared on the server.
use strict;
use warnings;
use DBI;
use DBD::Pg qw(:async);

my ($port, $user, $password, $database, $workers, $variant) = @ARGV;
$| = 1;

sub attempt {
  my ($worker, $feature, $act) = @_;
  my @got = eval { $act->() };
  my $text = $@ ? "error: $@" : join(",", map { defined $_ ? $_ : "null" } @got);
  $text =~ s/ at \S+ line \d+\.//;
  $text =~ s/\s+/ /g;
  print "$worker\t$feature\t$text\n";
}

sub work {
  my ($worker) = @_;
  my $s = "m_dbd_$worker";
  my %options = (RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoCommit => 1);
  $options{pg_server_prepare} = $variant if $variant ne "default";
  my $db = DBI->connect("dbi:Pg:host=127.0.0.1;port=$port;dbname=$database", $user,
    $password, \%options);
  $db->do("set client_min_messages = warning");
  $db->do("drop schema if exists $s cascade");
  $db->do("create schema $s");
  $db->do("create table $s.t (id int primary key, word text)");
  attempt($worker, "prepared", sub {
    my $statement = $db->prepare("select ?::int * 2");
    map { $statement->execute($_); ($statement->fetchrow_array)[0] } 1 .. 8;
  });
  attempt($worker, "many_statements", sub {
    my @all = map { $db->prepare("select ?::int + $_") } 1 .. 20;
    my @got = map { $_->execute(1); ($_->fetchrow_array)[0] } @all, @all;
    $_->finish for @all;
    @got;
  });
  attempt($worker, "insert", sub {
    my $statement = $db->prepare("insert into $s.t values (?, ?) returning id");
    my $sum = 0;
    for my $n (1 .. 50) { $statement->execute($n, "w$n"); $sum += ($statement->fetchrow_array)[0] }
    $sum;
  });
  attempt($worker, "transaction", sub {
    $db->begin_work;
    $db->do("insert into $s.t values (?, ?)", undef, 900, "undone");
    $db->pg_savepoint("before");
    eval { $db->do("select 1/0") };
    my $state = $db->state;
    $db->pg_rollback_to("before");
    my ($in) = $db->selectrow_array("select count(*) from $s.t");
    $db->rollback;
    ($state, $in, $db->selectrow_array("select count(*) from $s.t"));
  });
  attempt($worker, "error_in_prepared", sub {
    my $statement = $db->prepare("select 10 / ?::int");
    map { my $n = $_; eval { $statement->execute($n); ($statement->fetchrow_array)[0] } // $db->state }
      (5, 0, 2, 0, 1);
  });
  attempt($worker, "copy", sub {
    $db->do("copy $s.t from stdin");
    $db->pg_putcopydata("$_\tcopied\n") for 1000 .. 1100;
    $db->pg_putcopyend;
    $db->do("copy (select id from $s.t where word = 'copied') to stdout");
    my ($line, $lines) = ("", 0);
    $lines++ while $db->pg_getcopydata(\$line) >= 0;
    $lines;
  });
  attempt($worker, "settings", sub {
    $db->do("set search_path = $s");
    $db->do("set timezone = 'Asia/Tokyo'");
    ($db->selectrow_array("select count(*) > 0 from t"), $db->selectrow_array("show timezone"));
  });
  attempt($worker, "metadata", sub {
    my $columns = $db->column_info(undef, $s, "t", undef)->fetchall_arrayref;
    (map({ $_->[3] } @$columns), $db->primary_key(undef, $s, "t"));
  });
  attempt($worker, "notify", sub {
    $db->do("listen dbd_$worker");
    $db->do("notify dbd_$worker, 'hello'");
    my $note = $db->pg_notifies;
    $db->do("unlisten *");
    $note ? $note->[2] : "nothing";
  });
  attempt($worker, "asynchronous", sub {
    $db->do("select pg_sleep(0.05)", {pg_async => PG_ASYNC});
    $db->pg_result;
  });
  attempt($worker, "large_object", sub {
    $db->begin_work;
    my $oid = $db->pg_lo_creat($db->{pg_INV_WRITE});
    my $fd = $db->pg_lo_open($oid, $db->{pg_INV_WRITE});
    $db->pg_lo_write($fd, "large", 5);
    $db->pg_lo_lseek($fd, 0, 0);
    my $read = "";
    $db->pg_lo_close($fd);
    $db->pg_lo_unlink($oid);
    $db->commit;
    "written";
  });
  $db->disconnect;
  print "$worker\tconnection\tgood\n";
}

my @children;
for my $worker (0 .. $workers - 1) {
  my $child = fork;
  if ($child == 0) { alarm 80; work($worker); exit 0 }
  push @children, $child;
}
my $failed = 0;
for (@children) { waitpid $_, 0; $failed ||= $? }
exit($failed ? 1 : 0);
