//! Jobs: groups of processes that end when we do, however that comes, because the system then
//! closes the only handle to their job.
//!
//! What a game starts may outlive us: a job that took that in would end a browser, too.

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::process::Child;
use std::ptr;
use std::sync::OnceLock;

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK, JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation,
    SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::{GetProcessIoCounters, IO_COUNTERS};

/// restic, and all that it starts.
pub static TOOLS: Job = Job::new(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE);
/// The game alone.
pub static GAME: Job = Job::new(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK);

/// A job, which is made when it is needed and lives as long as we do.
pub struct Job {
    limits: u32,
    handle: OnceLock<Option<OwnedHandle>>,
}

impl Job {
    const fn new(limits: u32) -> Self {
        Self { limits, handle: OnceLock::new() }
    }

    /// Makes `child` one of the job. Where that fails, as in a job of somebody else's that
    /// forbids it, the child lives on if we are killed, and does no harm.
    pub fn take_in(&self, child: &Child) {
        let Some(job) = self.handle.get_or_init(|| make(self.limits).ok()) else { return };
        #[expect(unsafe_code, reason = "no safe function puts a process into a job")]
        // SAFETY: both handles are open, and stay so during the call.
        let _ = unsafe { AssignProcessToJobObject(job.as_raw_handle(), child.as_raw_handle()) };
    }
}

/// The bytes that `tool` has read and written so far, over the line, too.
pub fn bytes_moved(tool: &Child) -> Option<u64> {
    let mut counters = IO_COUNTERS::default();
    #[expect(unsafe_code, reason = "no safe function tells them")]
    // SAFETY: the handle is open during the call, and the structure lives as long.
    let is_told = unsafe { GetProcessIoCounters(tool.as_raw_handle(), &raw mut counters) } != 0;
    let IO_COUNTERS { ReadTransferCount, WriteTransferCount, OtherTransferCount, .. } = counters;
    is_told.then(|| ReadTransferCount + WriteTransferCount + OtherTransferCount)
}

fn make(limits: u32) -> io::Result<OwnedHandle> {
    let mut information = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    information.BasicLimitInformation.LimitFlags = limits;
    let size = u32::try_from(size_of_val(&information)).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "no safe function makes a job")]
    // SAFETY: without attributes and a name, null is what the first call wants. Its handle is ours
    // alone. The structure lives during the second call, and `size` is its size.
    unsafe {
        let job = CreateJobObjectW(ptr::null(), ptr::null());
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        let job = OwnedHandle::from_raw_handle(job);
        let information = ptr::from_ref(&information).cast();
        match SetInformationJobObject(job.as_raw_handle(), JobObjectExtendedLimitInformation, information, size) {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(job),
        }
    }
}
