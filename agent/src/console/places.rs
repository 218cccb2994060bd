//! Places for connections: so many in all and for one address, and others for this machine, whom nobody keeps out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard};

use super::tokens::network_of;

/// Most connections of other machines at once, and of this one. Each costs a few kilobytes.
const CONNECTIONS_MAX: usize = 256;
/// Most connections of one address: a desk with every page open and a management system at work need fewer, and whoever
/// wants to keep others out needs several addresses.
const OF_ONE_ADDRESS_MAX: usize = 64;

/// The places of the console.
#[derive(Debug)]
pub(super) struct Places {
    taken: Mutex<Taken>,
    of_one_address_max: usize,
}

/// Addresses without connections are not in it, so it is as small as the connections are few.
#[derive(Debug, Default)]
struct Taken {
    by_address: HashMap<IpAddr, usize>,
    by_others: usize,
}

/// A place of one connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    /// All free. Behind a proxy everybody comes from its address, so no address is limited by itself.
    pub(super) fn new(behind_proxy: bool) -> Arc<Self> {
        let of_one_address_max = if behind_proxy { CONNECTIONS_MAX } else { OF_ONE_ADDRESS_MAX };
        Arc::new(Self { taken: Mutex::default(), of_one_address_max })
    }

    /// A place for a connection of this peer; none: all that it may have are taken.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let address = address_of(peer);
        let mut taken = self.taken();
        let is_local = address.is_loopback();
        let of_this = taken.by_address.get(&address).copied().unwrap_or_default();
        let is_full = if is_local {
            of_this >= CONNECTIONS_MAX
        } else {
            of_this >= self.of_one_address_max || taken.by_others >= CONNECTIONS_MAX
        };
        if is_full {
            return None;
        }
        taken.by_address.insert(address, of_this + 1);
        taken.by_others += usize::from(!is_local);
        Some(Place { places: Arc::clone(self), address })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().expect("nothing that can panic runs under this lock")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.by_others -= usize::from(!self.address.is_loopback());
        if let Some(of_this) = taken.by_address.get_mut(&self.address) {
            *of_this -= 1;
            if *of_this == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

/// This machine is one peer by whatever name it calls itself, and a network of IPv6 is one.
fn address_of(peer: IpAddr) -> IpAddr {
    if peer.to_canonical().is_loopback() { Ipv4Addr::LOCALHOST.into() } else { network_of(peer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(places: &Arc<Places>, peer: &str, count: usize) -> Vec<Place> {
        let peer = peer.parse().expect("an address");
        (0..count).map_while(|_| places.take(peer)).collect()
    }

    #[test]
    fn one_address_keeps_nobody_else_out_and_all_of_them_not_this_machine() {
        let places = Places::new(false);
        let one = take(&places, "192.0.2.1", 1000);
        assert_eq!(one.len(), OF_ONE_ADDRESS_MAX);
        let network: Vec<_> = (0..1000).flat_map(|host| take(&places, &format!("2001:db8::{host:x}"), 1)).collect();
        assert_eq!(network.len(), OF_ONE_ADDRESS_MAX, "changing the address within a network gains nothing");
        let others: Vec<_> = (2..200).flat_map(|host| take(&places, &format!("192.0.2.{host}"), 10)).collect();
        assert_eq!(one.len() + network.len() + others.len(), CONNECTIONS_MAX);
        for this_machine in ["127.0.0.1", "::1", "127.0.0.53", "::ffff:127.0.0.1"] {
            assert_eq!(take(&places, this_machine, 3).len(), 3, "{this_machine}");
        }
        drop((one, network, others));
        let free = places.taken();
        assert_eq!((free.by_others, free.by_address.len()), (0, 0), "nothing is remembered of who has gone");
    }

    #[test]
    fn behind_a_proxy_one_address_is_everybody() {
        let places = Places::new(true);
        assert_eq!(take(&places, "192.0.2.1", 1000).len(), CONNECTIONS_MAX);
    }

    #[test]
    fn even_this_machine_has_an_end() {
        assert_eq!(take(&Places::new(false), "::1", 1000).len(), CONNECTIONS_MAX);
    }
}
