using System.CommandLine;
using Skylight.Cli.Audit;
using Skylight.Cli.Demo;
using Skylight.Cli.Integrity;
using Skylight.Cli.Maintenance;
using Skylight.Cli.Query;
using Skylight.Cli.Upload;

namespace Skylight.Cli;

/// <summary>Every command of the tool. A capability's commands are built in its own folder and named here.</summary>
public static class Commands
{
    public static IEnumerable<Command> All() =>
    [
        UploadCommand.Create(),
        StatusCommand.Create(),
        SearchCommand.Create(),
        GetCommand.Create(),
        Dicom.DicomCommands.Build(),
        DemoCommand.Create(),
        AuditCommand.Create(),
        VerifyCommand.Create(),
        ReindexCommand.Create(),
        KeysCommand.Create(),
        BackupCommand.Create(),
        RestoreCommand.Create(),
    ];
}
