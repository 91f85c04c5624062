//! Files of a test as a folder of this machine, served by FUSE.

use crate::files::Files;
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry,
    ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A disk that is mounted until it is dropped.
pub struct Disk {
    files: Arc<Mutex<Files>>,
    folder: TempDir,
    session: Option<BackgroundSession>,
}

impl Disk {
    /// Mounts files.
    pub fn mount(files: Files) -> io::Result<Self> {
        let (files, folder) = (Arc::new(Mutex::new(files)), tempfile::tempdir()?);
        let session = fuser::spawn_mount(Served(Arc::clone(&files)), folder.path(), &Config::default())?;
        Ok(Self { files, folder, session: Some(session) })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // The system may have ended the connection before its thread is told: it is unmounted all the same.
            match session.umount_and_join() {
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                ended => ended.unwrap(),
            }
        }
    }
}

struct Served(Arc<Mutex<Files>>);

impl Served {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap()
    }

    fn about(&self, file: INodeNo) -> Result<FileAttr, Errno> {
        let folder = file == INodeNo::ROOT;
        let size = if folder { 0 } else { self.files().size(file)? as u64 };
        Ok(FileAttr {
            ino: file,
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if folder { FileType::Directory } else { FileType::RegularFile },
            perm: if folder { 0o700 } else { 0o600 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }
}

/// How long the kernel may believe what it was told: not at all.
const FRESH: Duration = Duration::ZERO;

fn named(name: &OsStr) -> Result<&str, Errno> {
    name.to_str().ok_or(Errno::EINVAL)
}

fn done(reply: ReplyEmpty, done: Result<(), Errno>) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = named(name).and_then(|name| self.files().find(name).ok_or(Errno::ENOENT));
        match found.and_then(|file| self.about(INodeNo(file))) {
            Ok(about) => reply.entry(&FRESH, &about, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, file: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.about(file) {
            Ok(about) => reply.attr(&FRESH, &about),
            Err(error) => reply.error(error),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        file: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let resized = size.map_or(Ok(()), |size| self.files().resize(file, size));
        match resized.and_then(|()| self.about(file)) {
            Ok(about) => reply.attr(&FRESH, &about),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        file: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.files().read(file, offset, size) {
            Ok(bytes) => reply.data(bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        file: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.files().write(file, offset, bytes) {
            Ok(()) => reply.written(u32::try_from(bytes.len()).expect("the kernel writes less at once")),
            Err(error) => reply.error(error),
        }
    }

    fn create(&self, _: &Request, _: INodeNo, name: &OsStr, _: u32, _: u32, _: i32, reply: ReplyCreate) {
        let made = named(name).and_then(|name| self.files().create(name));
        match made.and_then(|file| self.about(INodeNo(file))) {
            Ok(about) => reply.created(&FRESH, &about, Generation(0), FileHandle(0), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, named(name).and_then(|name| self.files().remove(name)));
    }

    fn rename(&self, _: &Request, _: INodeNo, from: &OsStr, _: INodeNo, to: &OsStr, _: RenameFlags, reply: ReplyEmpty) {
        done(reply, named(from).and_then(|from| self.files().rename(from, named(to)?)));
    }

    fn fsync(&self, _: &Request, file: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(reply, self.files().sync(file));
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(reply, self.files().sync_names());
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn readdir(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let names = self.files().names();
        for (at, (name, file)) in (1..).zip(names).skip(usize::try_from(offset).unwrap_or(usize::MAX)) {
            if reply.add(INodeNo(file), at, FileType::RegularFile, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let blocks = 1 << 20;
        reply.statfs(blocks, blocks, blocks, 1 << 16, 1 << 16, 4096, 255, 4096);
    }
}
