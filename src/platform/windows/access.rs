//! Access lists: ours is for this user alone, and those of other PCs are for nobody here.

use std::fs;
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW,
    SDDL_REVISION_1, SE_FILE_OBJECT, SetNamedSecurityInfoW,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GetSecurityDescriptorControl, GetSecurityDescriptorDacl, GetTokenInformation,
    OBJECT_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, SE_DACL_PROTECTED, TOKEN_QUERY, TOKEN_USER,
    TokenUser, UNPROTECTED_DACL_SECURITY_INFORMATION,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// Lets nobody but this user (and the administrators, who come in anyway) into `folder` and what
/// will be made in it. Game folders outside of a user's own are often open to all. A disk without
/// access lists cannot keep anything private, which its owner knows.
pub fn keep_private(folder: &Path) -> io::Result<()> {
    let path = wide(folder);
    if !is_protected(&path) {
        let list = user().map(|user| format!("D:P(A;OICI;FA;;;{user})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"))?;
        let _ = set(&path, &list, PROTECTED_DACL_SECURITY_INFORMATION);
    }
    Ok(())
}

/// Lets nobody but this user into a new, empty file, wherever it is.
pub fn keep_private_file(file: &Path) -> io::Result<()> {
    let list = user().map(|user| format!("D:P(A;;FA;;;{user})(A;;FA;;;SY)(A;;FA;;;BA)"))?;
    let _ = set(&wide(file), &list, PROTECTED_DACL_SECURITY_INFORMATION);
    Ok(())
}

/// Lets us into files and folders that restic made, and gave the access lists of another PC: they
/// get that of the folder they are in.
pub fn open_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let _ = set(&wide(&entry.path()), "D:", UNPROTECTED_DACL_SECURITY_INFORMATION);
        if entry.file_type()?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

/// The path as Windows wants it, with the mark of one that may be long.
fn wide(path: &Path) -> Vec<u16> {
    let text = path.as_os_str();
    let is_plain = path.is_absolute() && !text.to_string_lossy().starts_with(r"\\");
    let mark = if is_plain { r"\\?\" } else { "" };
    mark.encode_utf16().chain(text.encode_wide()).chain([0]).collect()
}

/// Whether what may be done with a file is its own, and not its folder's.
fn is_protected(path: &[u16]) -> bool {
    let (mut descriptor, mut control, mut revision) = (ptr::null_mut(), 0, 0);
    #[expect(unsafe_code, reason = "no safe function reads access lists")]
    // SAFETY: the path ends in a null, unwanted parts are null, and the descriptor that the first
    // call makes is freed once, and not used after that.
    unsafe {
        let found = GetNamedSecurityInfoW(
            path.as_ptr(),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut descriptor,
        );
        let told = found == 0 && GetSecurityDescriptorControl(descriptor, &raw mut control, &raw mut revision) != 0;
        LocalFree(descriptor);
        told && control & SE_DACL_PROTECTED != 0
    }
}

/// Gives a file the access list that is written in `list`.
fn set(path: &[u16], list: &str, protection: OBJECT_SECURITY_INFORMATION) -> io::Result<()> {
    let list: Vec<u16> = list.encode_utf16().chain([0]).collect();
    let (mut descriptor, mut entries, mut is_there, mut is_default) = (ptr::null_mut(), ptr::null_mut(), 0, 0);
    #[expect(unsafe_code, reason = "no safe function changes access lists")]
    // SAFETY: the texts end in a null; the entries lie in the descriptor, which is freed once, after
    // their last use.
    unsafe {
        let made = ConvertStringSecurityDescriptorToSecurityDescriptorW(
            list.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            ptr::null_mut(),
        );
        if made == 0 {
            return Err(io::Error::last_os_error());
        }
        let told = GetSecurityDescriptorDacl(descriptor, &raw mut is_there, &raw mut entries, &raw mut is_default);
        // Without a list, a file would be open to all.
        if told == 0 || is_there == 0 || entries.is_null() {
            LocalFree(descriptor);
            return Err(io::Error::other("an access list that is none"));
        }
        let code = SetNamedSecurityInfoW(
            path.as_ptr(),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION | protection,
            ptr::null_mut(),
            ptr::null_mut(),
            entries,
            ptr::null(),
        );
        LocalFree(descriptor);
        if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code.cast_signed())) }
    }
}

/// Who we are, as access lists write it.
fn user() -> io::Result<String> {
    // A user's identifier has 68 bytes at most, and follows its pointer.
    let mut information = [0_u64; 16];
    let size = u32::try_from(size_of_val(&information)).map_err(io::Error::other)?;
    let (mut token, mut written, mut text) = (ptr::null_mut(), 0, ptr::null_mut());
    #[expect(unsafe_code, reason = "no safe function tells the user's identifier")]
    // SAFETY: the token is ours alone; the buffer is aligned for the structure, and what the
    // structure points to lies in it; the text ends in a null and is freed once.
    unsafe {
        if OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) == 0 {
            return Err(io::Error::last_os_error());
        }
        let token = OwnedHandle::from_raw_handle(token);
        let buffer = information.as_mut_ptr();
        if GetTokenInformation(token.as_raw_handle(), TokenUser, buffer.cast(), size, &raw mut written) == 0 {
            return Err(io::Error::last_os_error());
        }
        let user = &*buffer.cast::<TOKEN_USER>();
        if ConvertSidToStringSidW(user.User.Sid, &raw mut text) == 0 {
            return Err(io::Error::last_os_error());
        }
        let length = (0..usize::MAX).take_while(|at| *text.add(*at) != 0).count();
        let user = String::from_utf16_lossy(std::slice::from_raw_parts(text, length));
        LocalFree(text.cast());
        Ok(user)
    }
}
