; The installer for Windows: for one person, without administrator rights.
;
; Invariants: nothing is written outside the person's own directories and HKCU; a program that runs is not written over;
; what another program has taken (our scheme) is left to it; uninstalling takes back all that was written here and by the
; programs, and asks before it signs out or forgets.
;
;   makensis -DVERSION=0.1.0 -DPROGRAMS=DIR -DOUTPUT=FILE [-DLOADER] [-DSIGN=COMMAND] [-DAMD64] installer.nsi
;     PROGRAMS  where mcp-login.exe, mcp-login-agent.exe and mcp-login-desktop.exe lie
;     LOADER    with the WebView2Loader.dll beside them, which only builds by the GNU linker need
;     SIGN      signs a file: the installer, and the uninstaller that it writes
;     AMD64     a 64-bit installer, for a Wine without 32-bit programs; what is released runs on every Windows
;
; Without plugins: a 64-bit makensis has none. Unattended: /S, /D=DIR; uninstall.exe /S keeps the sign-ins, and
; uninstall.exe /S /SIGNOUT signs out of everything and forgets it.

Unicode true
!ifdef AMD64
  Target amd64-unicode
  SetCompressor zlib ; quick: nobody downloads it
!else
  SetCompressor /SOLID lzma
!endif
!include LogicLib.nsh
!include FileFunc.nsh
!include WinMessages.nsh

!define NAME "MCP Login"
!define ID "io.github.mcp-login" ; APPLICATION_ID and SCHEME in ipc/src/identity.rs; a test holds them together
!define DESKTOP "mcp-login-desktop.exe"
!define AGENT "mcp-login-agent.exe"
!define COMMAND "mcp-login.exe"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\${ID}"
!define RUN "Software\Microsoft\Windows\CurrentVersion\Run"
!define CLASS "Software\Classes\${ID}"
!define NOTIFICATIONS "Software\Classes\AppUserModelId\${ID}"
!define WEBVIEW "Microsoft\EdgeUpdate\Clients\{F3017226-FE2A-4295-8BDF-00C3A9A7E4C5}"

Name "${NAME}"
OutFile "${OUTPUT}"
RequestExecutionLevel user
ManifestDPIAware true
ManifestSupportedOS Win10
InstallDir "$LOCALAPPDATA\Programs\${NAME}"
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
Icon "../../icons/icon.ico"
UninstallIcon "../../icons/icon.ico"
BrandingText "${NAME} ${VERSION}"
ShowInstDetails nevershow
ShowUninstDetails nevershow
VIProductVersion "${VERSION}.0"
VIAddVersionKey ProductName "${NAME}"
VIAddVersionKey FileDescription "${NAME}"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey LegalCopyright "MIT OR Apache-2.0"
!ifdef SIGN
  !finalize '${SIGN} "%1"'
  !uninstfinalize '${SIGN} "%1"'
!endif

Page components
Page directory
Page instfiles
UninstPage uninstConfirm
UninstPage instfiles

; Ends the agent, and waits until nobody runs what is to be replaced: such a file cannot be opened for writing.
!macro Free un
Function ${un}Free
  ${If} ${FileExists} "$INSTDIR\${COMMAND}"
    ExecShellWait "open" "$INSTDIR\${COMMAND}" "agent stop" SW_HIDE
  ${EndIf}
  again:
  StrCpy $4 0
  look:
  StrCpy $1 ""
  !insertmacro Look "${DESKTOP}"
  !insertmacro Look "${AGENT}"
  !insertmacro Look "${COMMAND}"
  ${If} $1 != ""
  ${AndIf} $4 < 75 ; 15 s: an agent that has closed its pipe still writes out what it must
    IntOp $4 $4 + 1
    Sleep 200
    Goto look
  ${EndIf}
  ${If} $1 != ""
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION \
      "$1 is running. Quit ${NAME} from its icon in the corner of the taskbar, then press Retry." /SD IDCANCEL IDRETRY again
    SetErrorLevel 2
    Abort "$1 is running."
  ${EndIf}
FunctionEnd
!macroend
!macro Look program
  ${If} ${FileExists} "$INSTDIR\${program}"
    ClearErrors
    FileOpen $0 "$INSTDIR\${program}" a
    ${If} ${Errors}
      StrCpy $1 "${program}"
    ${Else}
      FileClose $0
    ${EndIf}
  ${EndIf}
!macroend
!insertmacro Free ""
!insertmacro Free "un."

Section "${NAME}" App
  SectionIn RO
  Call Free
  SetOutPath "$INSTDIR"
  File "${PROGRAMS}\${DESKTOP}"
  File "${PROGRAMS}\${AGENT}"
  File "${PROGRAMS}\${COMMAND}"
  !ifdef LOADER
    File "${PROGRAMS}\WebView2Loader.dll"
  !endif
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\${DESKTOP}"

  ; As the app does at each start; so the first sign-in can come back before it has been started.
  ReadRegStr $0 HKCU "${CLASS}\shell\open\command" ""
  ${If} $0 == ""
    WriteRegStr HKCU "${CLASS}" "" "URL:${NAME}"
    WriteRegStr HKCU "${CLASS}" "URL Protocol" ""
    WriteRegStr HKCU "${CLASS}\shell\open\command" "" '"$INSTDIR\${DESKTOP}" "%1"'
  ${EndIf}

  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "${NAME}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\${DESKTOP}"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The ${NAME} maintainers"
  WriteRegStr HKCU "${UNINSTALL}" "URLInfoAbout" "https://mcp-login.github.io"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
  SectionGetSize ${App} $0
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" $0

  ReadRegStr $0 HKLM "SOFTWARE\WOW6432Node\${WEBVIEW}" "pv"
  ReadRegStr $1 HKCU "Software\${WEBVIEW}" "pv"
  ${If} "$0$1" == ""
    MessageBox MB_OK|MB_ICONINFORMATION \
      "The window needs Microsoft's WebView2 Runtime, which is missing here. Get it from https://developer.microsoft.com/microsoft-edge/webview2. The command mcp-login works without it." /SD IDOK
  ${EndIf}
SectionEnd

Section "Find mcp-login in terminals" CommandOnPath
  ; Not by this installer's own means: they cut a Path that is longer than 1,024 characters.
  ExecShellWait "open" "$INSTDIR\${COMMAND}" "path add" SW_HIDE
  SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=2000
SectionEnd

Section /o "Start at login" AtLogin
  WriteRegStr HKCU "${RUN}" "${ID}" '"$INSTDIR\${DESKTOP}" --background'
SectionEnd

Section "Uninstall"
  ${GetParameters} $2
  ClearErrors
  ${GetOptions} $2 "/SIGNOUT" $3
  ${If} ${Errors}
    StrCpy $2 "keep"
    ${IfNot} ${Silent}
      MessageBox MB_YESNOCANCEL|MB_ICONQUESTION \
        "Sign out of all servers, too?$\r$\n$\r$\nYes: the tokens are revoked at the servers, and everything that ${NAME} keeps here is deleted.$\r$\nNo: sign-ins and settings stay for the next installation." \
        IDNO keep IDYES leave
      Abort
      leave:
      StrCpy $2 "leave"
      keep:
    ${EndIf}
  ${Else}
    StrCpy $2 "leave"
  ${EndIf}

  ${If} $2 == "leave"
    ${If} ${Silent}
      ExecShellWait "open" "$INSTDIR\${COMMAND}" "logout --all" SW_HIDE
    ${Else} ; the receipt stays until it has been read
      ExecWait '"$SYSDIR\cmd.exe" /c ""$INSTDIR\${COMMAND}" logout --all & pause"'
    ${EndIf}
  ${EndIf}
  Call un.Free
  ${If} $2 == "leave"
    ExecWait '"$INSTDIR\${AGENT}" --forget' $0
    ${If} $0 = 3
    ${OrIf} $0 = 6
      MessageBox MB_YESNO|MB_ICONEXCLAMATION \
        "Not every server could be reached. Tokens there work until they run out, or until you sign in again and sign out.$\r$\n$\r$\nForget them here all the same?" \
        /SD IDNO IDNO kept
      ExecWait '"$INSTDIR\${AGENT}" --forget --unrevoked' $0
    ${EndIf}
    ${If} $0 <> 0
      MessageBox MB_OK|MB_ICONEXCLAMATION "Something that ${NAME} keeps could not be deleted. Install it again, and run: mcp-login-agent --forget" /SD IDOK
    ${EndIf}
    kept:
  ${EndIf}

  ExecShellWait "open" "$INSTDIR\${COMMAND}" "path remove" SW_HIDE
  SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=2000
  ReadRegStr $0 HKCU "${CLASS}\shell\open\command" ""
  ${If} $0 == '"$INSTDIR\${DESKTOP}" "%1"'
    DeleteRegKey HKCU "${CLASS}"
  ${EndIf}
  DeleteRegValue HKCU "${RUN}" "${ID}"
  DeleteRegKey HKCU "${NOTIFICATIONS}"
  DeleteRegKey HKCU "${UNINSTALL}"
  Delete "$SMPROGRAMS\${NAME}.lnk"
  Delete "$INSTDIR\${DESKTOP}"
  Delete "$INSTDIR\${AGENT}"
  Delete "$INSTDIR\${COMMAND}"
  Delete "$INSTDIR\WebView2Loader.dll"
  Delete "$INSTDIR\uninstall.exe"
  SetOutPath "$TEMP" ; a directory that somebody stands in cannot be removed
  RMDir "$INSTDIR"
SectionEnd
