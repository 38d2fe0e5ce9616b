using System.Text;

namespace Skylight.CrashWorker;

/// <summary>Lines that survive the process: each is one write to the file.</summary>
public sealed class AppendLog(string path) : IDisposable
{
    private readonly FileStream _file = new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
    private readonly Lock _gate = new();

    public void Write(string line)
    {
        lock (_gate) _file.Write(Encoding.UTF8.GetBytes(line + '\n'));
    }

    public void Dispose() => _file.Dispose();
}
