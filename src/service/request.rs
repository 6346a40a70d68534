//! What can be asked of a supervise, and the bytes that ask it (contract.md, section 3.5). Pure.

/// What a service is wanted to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// Started whenever it is down.
    #[default]
    Up,
    /// Left down.
    Down,
    /// Run once, then left down.
    Once,
}

impl Want {
    /// The byte in the status: `u`, `d`, or 0.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Up => b'u',
            Self::Down => b'd',
            Self::Once => 0,
        }
    }

    /// What a status byte says; any other byte than `u` and `d` is "don't care", as in svstat.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            b'u' => Self::Up,
            b'd' => Self::Down,
            _ => Self::Once,
        }
    }
}

/// A signal that supervise sends to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// SIGHUP
    Hangup,
    /// SIGALRM
    Alarm,
    /// SIGINT
    Interrupt,
    /// SIGTERM
    Terminate,
    /// SIGKILL
    Kill,
    /// SIGSTOP
    Stop,
    /// SIGCONT
    Continue,
    /// SIGUSR1
    User1,
    /// SIGUSR2
    User2,
    /// SIGQUIT
    Quit,
    /// SIGWINCH
    Window,
}

/// One control byte, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    /// `u`: be up.
    Up,
    /// `d`: be down.
    Down,
    /// `o`: run once.
    Once,
    /// `x`: leave once the service is down.
    Exit,
    /// `p`: stop the process.
    Pause,
    /// `c`: let it continue.
    Continue,
    /// `h` `a` `i` `t` `k`, and `1` `2` `q` `w`, which 0.76 does not know: pass a signal on.
    Send(Signal),
}

impl Request {
    /// The request that a control byte stands for; all other bytes are ignored.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            b'u' => Self::Up,
            b'd' => Self::Down,
            b'o' => Self::Once,
            b'x' => Self::Exit,
            b'p' => Self::Pause,
            b'c' => Self::Continue,
            b'h' => Self::Send(Signal::Hangup),
            b'a' => Self::Send(Signal::Alarm),
            b'i' => Self::Send(Signal::Interrupt),
            b't' => Self::Send(Signal::Terminate),
            b'k' => Self::Send(Signal::Kill),
            b'1' => Self::Send(Signal::User1),
            b'2' => Self::Send(Signal::User2),
            b'q' => Self::Send(Signal::Quit),
            b'w' => Self::Send(Signal::Window),
            _ => return None,
        })
    }
}
