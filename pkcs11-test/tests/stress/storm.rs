//! Threads that do everything at once, and one that finalizes the module in the middle.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use cryptoki_sys::*;
use pkcs11_test::harness::{Answer, Module, Rv, Session, ulong};

use crate::certificates::Certificate;
use crate::counts::Counts;
use crate::process::{Size, resources, result};

/// When nothing has been answered for this long, there is a deadlock.
const DEADLOCK: Duration = Duration::from_secs(120);

/// How many times a run is finalized.
const FINALIZATIONS: usize = 10;

/// How much more memory than at a tenth of the run there may be at its end, in KiB: what allocators keep.
const GROWTH: usize = 8 << 10;

struct Storm<'a> {
    module: Module,
    certificates: &'a [Certificate],
    counts: Counts,
    /// Memory and descriptors at a tenth, at half, and at the end.
    resources: Mutex<Vec<(usize, usize)>>,
    total: usize,
}

pub fn run(path: PathBuf, size: Size, seed: u64, certificates: &[Certificate]) -> bool {
    let storm = Storm {
        module: Module::load(path),
        certificates,
        counts: Counts::default(),
        resources: Mutex::default(),
        total: size.threads * size.operations,
    };
    let before = resources();
    assert_eq!(storm.module.initialize(), CKR_OK);
    let (is_over, all_done) = (AtomicBool::new(false), Barrier::new(size.threads + 1));
    let started = Instant::now();
    thread::scope(|scope| {
        for thread in 0..size.threads {
            let (storm, all_done) = (&storm, &all_done);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed ^ thread as u64);
                storm.operate(&mut random, size.operations);
                all_done.wait();
            });
        }
        scope.spawn(|| storm.finalize_now_and_then(&is_over));
        scope.spawn(|| storm.watch(&is_over));
        all_done.wait();
        is_over.store(true, Ordering::Relaxed);
    });
    let time = started.elapsed();
    storm.resources.lock().unwrap().push(resources());
    // The service fails to the end, so the last finalization may find nothing to end.
    storm.module.finalize();
    storm.report(before, time)
}

impl Storm<'_> {
    fn operate(&self, random: &mut fastrand::Rng, operations: usize) {
        let mut session = None;
        let count = |name, operate: &dyn Fn() -> Answer<()>| self.counts.operation(name, operate);
        for _ in 0..operations {
            let Some(current) = session else {
                session = self.open();
                continue;
            };
            let certificate = &self.certificates[random.usize(..self.certificates.len())];
            let data: Vec<_> = (0..random.usize(..300)).map(|_| random.u8(..)).collect();
            match random.u8(..100) {
                0..=39 => count("sign", &|| self.sign(current, certificate, &data)),
                40..=54 => count("search", &|| {
                    let found = current.find(&[(CKA_CLASS, ulong(CKO_CERTIFICATE))])?;
                    let is_right = !found.is_empty() || !self.is_logged_in(current);
                    self.expect(is_right, "an empty search")
                }),
                55..=64 => count("attributes", &|| {
                    let key = self.key(current, certificate, CKO_PUBLIC_KEY)?;
                    let label = current.attribute(key, CKA_LABEL)?;
                    self.expect(label == certificate.id.as_bytes(), "another label")
                }),
                65..=69 => count("login", &|| current.login().answer(())),
                70 => count("logout", &|| current.logout().answer(())),
                71..=80 => count("digest", &|| {
                    current.digest_init(CKM_SHA256).answer(())?;
                    let digest = current.digest_into(&data, 32).bytes()?;
                    self.expect(digest == openssl::sha::sha256(&data), "another digest")
                }),
                81..=86 => {
                    count("verify nonsense", &|| self.verify_nonsense(current, certificate, &data))
                }
                87..=96 => count("cancel", &|| current.cancel(CKF_SIGN | CKF_DIGEST).answer(())),
                _ => {
                    count("close", &|| current.close().answer(()));
                    session = None;
                }
            }
            if current.info().is_err() {
                session = None;
            }
        }
    }

    /// A session, as soon as the module is initialized.
    fn open(&self) -> Option<Session<'_>> {
        let mut session = None;
        self.counts.operation("open", || {
            let opened = loop {
                match self.module.open(SLOT, CKF_SERIAL_SESSION) {
                    Err(Rv(CKR_CRYPTOKI_NOT_INITIALIZED)) => thread::yield_now(),
                    opened => break opened?,
                }
            };
            session = Some(opened);
            Ok(())
        });
        session
    }

    /// Signs, and has OpenSSL and the module verify.
    fn sign(&self, session: Session, certificate: &Certificate, data: &[u8]) -> Answer<()> {
        if !self.is_logged_in(session) {
            // Another thread may have logged in meanwhile.
            match session.login() {
                Rv(CKR_USER_ALREADY_LOGGED_IN) => {}
                rv => rv.answer(())?,
            }
        }
        let key = self.key(session, certificate, CKO_PRIVATE_KEY)?;
        session.sign_init(certificate.mechanism, key).answer(())?;
        let signature = session.sign(data)?;
        self.counts.signatures.fetch_add(1, Ordering::Relaxed);
        self.expect(certificate.verifies(data, &signature), "a wrong signature")?;
        let key = self.key(session, certificate, CKO_PUBLIC_KEY)?;
        session.verify_init(certificate.mechanism, key).answer(())?;
        session.verify(data, &signature).answer(())
    }

    fn verify_nonsense(
        &self,
        session: Session,
        certificate: &Certificate,
        data: &[u8],
    ) -> Answer<()> {
        let key = self.key(session, certificate, CKO_PUBLIC_KEY)?;
        session.verify_init(certificate.mechanism, key).answer(())?;
        match session.verify(data, &[1; 64]) {
            Rv(CKR_SIGNATURE_INVALID | CKR_SIGNATURE_LEN_RANGE) => Ok(()),
            rv => {
                self.expect(rv != CKR_OK, "nonsense was verified")?;
                rv.answer(())
            }
        }
    }

    /// The handle of a key, which is missing while nobody is logged in.
    fn key(
        &self,
        session: Session,
        certificate: &Certificate,
        class: CK_ULONG,
    ) -> Answer<CK_OBJECT_HANDLE> {
        let template = [(CKA_CLASS, ulong(class)), (CKA_ID, certificate.id.into())];
        match session.find(&template)?[..] {
            [key] => Ok(key),
            [] => Err(Rv(CKR_USER_NOT_LOGGED_IN)),
            _ => {
                self.counts.is_wrong(format!("several keys are {}", certificate.id));
                Err(Rv(CKR_USER_NOT_LOGGED_IN))
            }
        }
    }

    fn is_logged_in(&self, session: Session) -> bool {
        session.info().is_ok_and(|info| info.state == CKS_RO_USER_FUNCTIONS)
    }

    fn expect(&self, is_right: bool, wrong: &str) -> Answer<()> {
        if !is_right {
            self.counts.is_wrong(wrong.to_owned());
        }
        Ok(())
    }

    /// Ends the module under the others, and starts it again.
    fn finalize_now_and_then(&self, is_over: &AtomicBool) {
        let mut next = self.total / FINALIZATIONS;
        while !is_over.load(Ordering::Relaxed) {
            if self.counts.answered.load(Ordering::Relaxed) >= next {
                next += self.total / FINALIZATIONS;
                self.counts.operation("C_Finalize", || self.module.finalize().answer(()));
                self.counts.operation("C_Initialize", || self.module.initialize().answer(()));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the process if nothing goes on, and looks at its resources.
    fn watch(&self, is_over: &AtomicBool) {
        let (mut seen, mut since) = (0, Instant::now());
        let mut looks = [self.total / 10, self.total / 2].into_iter().peekable();
        while !is_over.load(Ordering::Relaxed) {
            let answered = self.counts.answered.load(Ordering::Relaxed);
            if answered != seen {
                (seen, since) = (answered, Instant::now());
            }
            if looks.next_if(|at| answered >= *at).is_some() {
                self.resources.lock().unwrap().push(resources());
            }
            if since.elapsed() > DEADLOCK {
                let (lost, _) = self.counts.report();
                println!("deadlocks: 1, with {lost} operations under way");
                println!("0 passed, 1 failed");
                std::process::abort();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn report(&self, before: (usize, usize), time: Duration) -> bool {
        let (lost, wrong) = self.counts.report();
        let operations = self.counts.answered.load(Ordering::Relaxed);
        let signatures = self.counts.signatures.load(Ordering::Relaxed);
        println!("operations:              {operations} in {time:.1?}");
        println!("signatures verified:     {signatures}");
        println!("lost, wrong, deadlocks:  {lost}, {wrong}, 0");
        let after = resources();
        println!("memory, descriptors:     {} KiB, {} before", before.0, before.1);
        let looks = self.resources.lock().unwrap();
        for (when, (memory, descriptors)) in ["start", "middle", "end"].iter().zip(&*looks) {
            println!("                         {memory} KiB, {descriptors} at the {when}");
        }
        println!("                         {} KiB, {} after C_Finalize", after.0, after.1);
        let (start, end) = (looks.first().unwrap().0, looks.last().unwrap().0);
        // AddressSanitizer has a cache for each thread, which grows until the thread has used each size.
        let growth = match std::env::var_os("ASAN_OPTIONS") {
            None => GROWTH,
            Some(_) => 8 * GROWTH,
        };
        let mut is_good = true;
        for (what, holds) in [
            ("every operation is answered", lost == 0),
            ("every answer is right", wrong == 0),
            ("signatures were made", signatures > 0),
            ("memory stays flat", end <= start + growth),
            ("no descriptor is left over", after.1 <= before.1),
        ] {
            println!("{} {what}", result(holds));
            is_good &= holds;
        }
        is_good
    }
}

/// The module's only slot.
const SLOT: CK_SLOT_ID = 1;
