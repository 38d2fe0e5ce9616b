using System.Globalization;
using Spectre.Console;

namespace Skylight.Cli.Upload;

/// <summary>The progress bar, on standard error: standard output is for the report. Without a terminal it is a line at the end.</summary>
internal sealed class UploadProgress(bool json, long bytes, int files) : IUploadObserver
{
    private long _sent;
    private long _resumed;
    private int _done;

    public void Sent(long count, bool resumed)
    {
        Interlocked.Add(ref _sent, count);
        if (resumed) Interlocked.Add(ref _resumed, count);
    }

    public void FileDone() => Interlocked.Increment(ref _done);

    public async Task<T> RunAsync<T>(Func<IUploadObserver, Task<T>> work)
    {
        if (json) return await work(this);
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        var clock = TimeProvider.System.GetTimestamp();
        T result;
        if (Console.IsErrorRedirected)
        {
            result = await work(this);
        }
        else
        {
            result = await console.Progress().AutoClear(true).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
                .StartAsync(async context =>
                {
                    var bar = context.AddTask("upload", maxValue: Math.Max(1, bytes));
                    var running = work(this);
                    while (await Task.WhenAny(running, Task.Delay(100)) != running) Show(bar);
                    Show(bar);
                    return await running;
                });
        }

        var seconds = TimeProvider.System.GetElapsedTime(clock).TotalSeconds;
        var again = _resumed > 0 ? string.Create(CultureInfo.InvariantCulture, $", {Size(_resumed)} of them had arrived before") : "";
        console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{files} files, {Size(bytes)} in {seconds:0.0} s{again}"));
        return result;
    }

    private void Show(ProgressTask bar)
    {
        bar.Description = string.Create(CultureInfo.InvariantCulture, $"{_done}/{files} files");
        bar.Value = Interlocked.Read(ref _sent);
    }

    private static string Size(long count) => count switch
    {
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e3:0.0} kB"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e6:0.0} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{count / 1e9:0.00} GB"),
    };
}
